package http

import "github.com/symres/symres/internal/creds"

// Credential is what is sent to one origin, and to no other: User and Password
// (an Azure DevOps personal access token is the password of an empty user), or
// Bearer, a bearer token. No format of package fmt shows more than the user.
type Credential = creds.Credential
