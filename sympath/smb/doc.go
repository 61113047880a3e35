// Package smb reads symbol and image files from Windows shares, without a
// mount.
//
// A [Client] makes the stores for the \\server\share elements of a symbol path:
//
//	client, err := smb.New(smb.Config{Getenv: os.Getenv})
//	defer client.Close()
//	store := path.Store(sympath.Options{UNC: client.Store, Verify: verify})
//
// Connections are made only to the servers in the path, on port 445. They use
// SMB 3 (2.1 if Config.SMB21 allows it), and a session with a password is
// signed or encrypted. If the server logs in a user with a password as a guest,
// that is an error; a guest login must be requested. A DFS share, which is on
// another server, is an error that says so; no other server is contacted.
//
// Every wait ends with the caller's context or after Config.Timeout. The
// connection is then closed, because a late answer could not be told from a
// missing one. The next request opens a new connection.
//
// On Windows the system does all this, with the user's own login, unless a
// [Config].Dial is given.
package smb
