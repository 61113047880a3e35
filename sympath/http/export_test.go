package http

// Rules that need addresses a test machine does not have.
var (
	RefusePrivate = refusePrivate
	Private       = private
)

// CountsAgainstHost tells failures of the server from others.
var CountsAgainstHost = countsAgainstHost
