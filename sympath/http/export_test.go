package http

// Rules that need addresses a test machine does not have.
var (
	RefusePrivate = refusePrivate
	Private       = private
)
