// Package smb reads symbol and image files from Windows shares, without a
// mount.
//
// A [Client] makes the stores for the \\server\share elements of a symbol path:
//
//	client, err := smb.New(smb.Config{Getenv: os.Getenv})
//	defer client.Close()
//	store := path.Store(sympath.Options{UNC: client.Store, Verify: verify})
//
// Connections go to the servers of the path alone, on port 445. They speak SMB
// 3 (2.1 when [Config].SMB21 allows it), and a login with a password is signed
// or encrypted: an answer that takes such a login for a guest's is an error,
// not a session. Who wants to be a guest says so. A share that a server keeps
// elsewhere (DFS) is an error that says so; nobody is sent to another server.
//
// Every wait ends, by the caller's context or after [Config].Timeout, and the
// connection with it: what the server still owes cannot be told from what it
// never will. The next request makes a new one.
//
// On Windows the system does all this, with the user's own login, unless a
// [Config].Dial is given.
package smb
