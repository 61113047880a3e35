// Package serve is a symbol server: it answers what the clients of symbol
// servers ask (WinDbg, Visual Studio, LLDB, samply, dotnet-symbol, symres) from
// any [sympath.Store], such as a cache that is filled from other servers.
//
//	all := stores.New(stores.Config{})
//	store, err := all.Open("srv*/srv/symbols*https://msdl.microsoft.com/download/symbols")
//	http.ListenAndServe("127.0.0.1:8777", serve.Handler(serve.Config{Symbols: store}))
//
// # What is promised
//
// Clients file whatever comes with status 200, for good. So no byte leaves
// before the store has found the file to be the one that the key names, and an
// answer that cannot be finished is reset and never ended as if it were whole.
// Whatever is not found is 404 without a body: any other status makes some client
// give up the server. Why it was not found is in the log and on the page.
//
// # Requests
//
//	GET, HEAD /NAME/KEY/NAME      a file; ranges, If-Range and ETag work
//	GET, HEAD /NA/NAME/KEY/NAME   the same, for stores with two tiers
//	GET /healthz                  "ok"
//	GET /statusz                  counters and the last misses, as JSON
//	GET /                         the same for people
//	PUT, POST /upload/NAME        takes a file, see [Config.Uploads] and [Upload]
//
// Names and keys are taken in any letter case, and ages in hex or as LLDB writes
// them, in decimal. Compressed names (fs_rec.pd_), file.ptr, pingme.txt and
// index2.txt are 404: files are stored and sent as they are.
//
// Sources: the names, keys and order of requests are those of symsrv (SymStore,
// "Using SymSrv" and "Symbol store folder tree" in Microsoft's documentation) and
// of LLDB's SymbolLocatorSymStore.
package serve
