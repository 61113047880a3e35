package identify_test

import (
	"testing"

	"github.com/symres/symres/identify"
)

func TestModuleName(t *testing.T) {
	for image, want := range map[string]string{
		"Fs_Rec.SYS": "Fs_Rec", "ntoskrnl.exe": "nt", "NTKRPAMP.EXE": "nt", "halmacpi.dll": "hal", "hal.dll": "hal",
		"halftone.dll": "halftone", "libstdc++.so.6": "libstdc___so", "ntdll.wrong.symbols.dll": "ntdll_wrong_symbols",
		"mcupdate_GenuineIntel.dll": "mcupdate_GenuineIntel", `\SystemRoot\system32\DRIVERS\fdc.sys`: "fdc", ".sys": "_sys", "": "",
	} {
		if got := identify.ModuleName(image); got != want {
			t.Errorf("ModuleName(%q) = %q, want %q", image, got, want)
		}
	}
}
