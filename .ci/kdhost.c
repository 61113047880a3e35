/* A host for the debugger engine: opens a dump and runs the commands given one a
   line on standard input. Arguments: the engine's DLL, the dump, the symbol path,
   the image path. */
#define COBJMACROS
#define INITGUID
#include <windows.h>
#include <stdio.h>
#include <dbgeng.h>

typedef HRESULT(STDAPICALLTYPE *Create)(REFIID, void **);

static HRESULT STDMETHODCALLTYPE query(IDebugOutputCallbacks *self, REFIID id, void **out) {
	if (IsEqualIID(id, &IID_IUnknown) || IsEqualIID(id, &IID_IDebugOutputCallbacks)) {
		*out = self;
		return S_OK;
	}
	*out = NULL;
	return E_NOINTERFACE;
}
static ULONG STDMETHODCALLTYPE count(IDebugOutputCallbacks *self) { return 1; }
static HRESULT STDMETHODCALLTYPE output(IDebugOutputCallbacks *self, ULONG mask, PCSTR text) {
	fputs(text, stdout);
	return S_OK;
}
static struct { void *query, *add, *release, *output; } methods = {query, count, count, output};
static struct { void *methods; } callbacks = {&methods};

int main(int argc, char **argv) {
	char line[4096];
	PDEBUG_CLIENT client;
	PDEBUG_CONTROL control;
	PDEBUG_SYMBOLS symbols;
	if (argc != 5) return 2;
	setvbuf(stdout, NULL, _IONBF, 0);
	HMODULE engine = LoadLibraryA(argv[1]);
	Create create = engine ? (Create)GetProcAddress(engine, "DebugCreate") : NULL;
	if (!create || create(&IID_IDebugClient, (void **)&client)) {
		printf("no engine: error %lu\n", GetLastError());
		return 1;
	}
	client->lpVtbl->QueryInterface(client, &IID_IDebugControl, (void **)&control);
	client->lpVtbl->QueryInterface(client, &IID_IDebugSymbols, (void **)&symbols);
	client->lpVtbl->SetOutputCallbacks(client, (PDEBUG_OUTPUT_CALLBACKS)&callbacks);
	symbols->lpVtbl->SetSymbolPath(symbols, argv[3]);
	symbols->lpVtbl->SetImagePath(symbols, argv[4]);
	if (client->lpVtbl->OpenDumpFile(client, argv[2]) || control->lpVtbl->WaitForEvent(control, 0, 60000)) {
		printf("the dump cannot be opened\n");
		return 1;
	}
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\r\n")] = 0;
		printf("kd> %s\n", line);
		control->lpVtbl->Execute(control, DEBUG_OUTCTL_THIS_CLIENT, line, DEBUG_EXECUTE_NOT_LOGGED);
	}
	return 0;
}
