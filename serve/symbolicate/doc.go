// Package symbolicate answers requests for the names of addresses over HTTP:
//
//	POST /symbolicate/v5   Mozilla's API, as samply, the Firefox Profiler and
//	                       their tools send it
//	POST /v1/nearest       the same in the JSON that `symres nearest --json`
//	                       prints
//
// A [Handler] finds PDBs along a symbol path by the identity that the request
// names, and holds each once for all requests, see [symres.Files]. The answers
// are those of [symres.Session.Resolve].
//
// # Requests
//
// Version 5 takes jobs, each a list of modules and stacks of frames. A module
// is the name of its PDB and a debug identifier: 32 hex digits of the GUID and
// the age in hex. A frame is the index of a module, -1 for none, and an RVA.
//
//	{"jobs": [{"memoryMap": [["xul.pdb", "44E4EC8C2F41492B9369D6B9A059577C2"]],
//	           "stacks": [[[0, 11723767], [-1, 65802]]]}]}
//
// /v1/nearest takes modules with their base addresses, and addresses:
//
//	{"modules": [{"pdb": "xul.pdb", "id": "44E4EC8C2F41492B9369D6B9A059577C2", "base": "0x7ff600000000", "size": "0x8000000"}],
//	 "addresses": ["0x7ff600b2e3f7"]}
//
// # Limits
//
// A request has at most 8 MB, 10 jobs, 64 modules a job and 5,000 frames a job.
// What exceeds them is refused with 400 or 413. An answer names at most 16 MB
// of text a job, and has [Config.Timeout]; what could not be answered within
// is told in the answer. More than [Config.Requests] at once get 503.
//
// Sources: the README of Mozilla's symbolication service (Eliot, in
// mozilla-services/tecken) and that of samply for the fields it adds.
package symbolicate
