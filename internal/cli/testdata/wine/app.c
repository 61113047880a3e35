/* A program without a C runtime: it writes a minidump of itself beside it, says
   so by a second file, and waits to be looked at. */
typedef void *HANDLE;
typedef unsigned int DWORD;
__declspec(dllimport) HANDLE CreateFileA(const char *, DWORD, DWORD, void *, DWORD, DWORD, HANDLE);
__declspec(dllimport) HANDLE GetCurrentProcess(void);
__declspec(dllimport) DWORD GetCurrentProcessId(void);
__declspec(dllimport) int CloseHandle(HANDLE);
__declspec(dllimport) void ExitProcess(DWORD);
__declspec(dllimport) void Sleep(DWORD);
__declspec(dllimport) int MiniDumpWriteDump(HANDLE, DWORD, HANDLE, DWORD, void *, void *, void *);

int dumped;

__attribute__((noinline)) void wait_to_be_read(void) {
	HANDLE ready = CreateFileA("ready", 0xC0000000, 0, 0, 2, 0, 0);
	CloseHandle(ready);
	for (;;)
		Sleep(1000);
}

int start(void) {
	HANDLE file = CreateFileA("app.dmp", 0xC0000000, 0, 0, 2, 0, 0);
	dumped = MiniDumpWriteDump(GetCurrentProcess(), GetCurrentProcessId(), file, 0, 0, 0, 0);
	CloseHandle(file);
	if (!dumped)
		ExitProcess(1);
	wait_to_be_read();
	return 0;
}
