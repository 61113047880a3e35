// Package http fetches symbol and image files from symbol servers.
//
// A [Client] makes the stores for the http and https elements of a symbol
// path:
//
//	client, err := http.New(http.Config{Getenv: os.Getenv})
//	store := path.Store(sympath.Options{HTTP: client.Store, Verify: verify})
//
// The requests are the same as symsrv's, in the same order: the file, its
// compressed form, file.ptr, and once per store index2.txt. Unlike symsrv, the
// package does not trust servers: connections are https unless the path says
// http, credentials stay with the origin they are for, a redirect leads neither
// to plain http nor into a private network, an answer that is a web page or not
// as long as it claims to be is a failure and not a file, and only 404 and 410
// mean that a file is not there. An answer is judged by its bytes, not by what
// its headers call it. A server that may tell letter cases apart is asked in
// lower case after a miss, and first once that worked.
//
// A transfer has no time limit. It is aborted if no data arrives for a while,
// or if it is very slow for longer, and then resumed where it stopped.
package http
