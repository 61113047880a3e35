// Package smb2 is a client for SMB 2.1 and SMB 3 that lists directories and
// reads files, and can do nothing else.
//
// It follows MS-SMB2 (the protocol), MS-NLMP (the login), MS-SPNG and RFC 4178
// (how the login is wrapped), MS-FSCC 2.4.10 (directory entries), RFC 4493
// (AES-CMAC) and RFC 3610 (AES-CCM). A message of the server is checked for its
// length, its place in the session, and its signature or encryption before
// anything in it is believed.
package smb2
