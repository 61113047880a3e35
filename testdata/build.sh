#!/bin/sh
# Rebuilds every binary under testdata from the sources in testdata/src.
#
#   testdata/build.sh          builds in a temporary folder and installs here
#   testdata/build.sh --check  builds and compares with what is committed
#
# Needs Go and Debian's clang-19, lld-19 and llvm-19 (19.1.7). The build is
# deterministic: it runs inside the output folder with relative names, so no
# path of the machine gets into a file. PDBs (and big images) are installed
# gzipped; --check compares the bytes inside, not the compressor's.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
src=$here/src
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT INT TERM
cd "$out"
(cd "$src" && go build -o "$out/imptab" imptab.go)
(cd "$src/ia64" && go build -o "$out/ia64tool" .)
cp "$src"/*.c "$src"/*.h "$src"/*.s "$src"/*.S "$src"/*.def "$src"/kerneltypes.go .

stamp=973036800 # 2000-11-01; the nt and wide images have their own
cflags="-c -O1 -ffreestanding -fno-stack-protector -Wall -Wno-unused-parameter"
private="-g -gcodeview -fdebug-compilation-dir=. -ffile-prefix-map=$out=. -gno-codeview-command-line"
lflags="/nologo /driver /subsystem:native /nodefaultlib /safeseh:no /opt:noref /release"

target() {
	case $1 in
	x86) echo i686-pc-windows-msvc ;;
	x64) echo x86_64-pc-windows-msvc ;;
	arm) echo thumbv7-pc-windows-msvc ;;
	arm64) echo aarch64-pc-windows-msvc ;;
	esac
}
base() {
	case $1 in
	x86 | arm) echo 0x10000 ;;
	*) echo 0x140000000 ;;
	esac
}
# cc MACHINE OUT SOURCE [FLAGS]
cc() {
	m=$1 obj=$2 file=$3
	shift 3
	[ "$m" = x86 ] && set -- -mno-stack-arg-probe "$@"
	clang-19 $cflags --target="$(target "$m")" -Xclang -object-file-name="$obj" -o "$obj" "$@" "$file"
}
# debug PDB: the linker options that make a PDB of that name
debug() { printf '%s' "/debug /pdb:$1 /pdbaltpath:$1 /pdbsourcepath:c:\\fixture"; }

# fs_rec for x86: a low-alignment image (RVA == file offset) whose import
# table is laid by hand; two passes find the padding before the descriptors.
link86() {
	o=$1 debug=$2 time=$3 pad=0
	shift 3
	for pass in 1 2; do
		./imptab asm $pad >imports.s
		clang-19 -c --target=i686-pc-windows-msvc -o imports.obj imports.s
		lld-link-19 $lflags /machine:x86 /entry:DriverEntry@8 /base:0x10000 /align:128 /filealign:128 \
			/timestamp:"$time" $debug /map:fs_rec.map /out:fs_rec.sys imports.obj "$@"
		pad=$(./imptab pad fs_rec.map $pad)
	done
	./imptab patch fs_rec.sys
	keep "$o"
}
link64() {
	o=$1 debug=$2 time=$3
	shift 3
	lld-link-19 $lflags /machine:x64 /entry:DriverEntry /base:0x140000000 \
		/timestamp:"$time" $debug /out:fs_rec.sys "$@" ntoskrnl.lib
	keep "$o"
}
keep() { # the linker's output, to where it belongs
	mkdir -p "$1"
	mv fs_rec.sys "$1/"
	[ ! -e fs_rec.pdb ] || mv fs_rec.pdb "$1/"
}
fs_rec() {
	m=$1 link=$2 pdb=$(debug fs_rec.pdb)
	cc "$m" fs_rec.obj fs_rec.c
	cc "$m" other.obj fs_rec.c -DVARIANT=9
	cc "$m" private.obj fs_rec.c $private
	clang-19 -c --target="$(target "$m")" -o fill.obj fill.s
	$link "fs_rec/$m/good" "$pdb" $stamp fs_rec.obj
	$link "fs_rec/$m/ts1" "$pdb" $((stamp + 1)) fs_rec.obj
	$link "fs_rec/$m/samets" "$pdb" $stamp other.obj
	$link "fs_rec/$m/bigger" "$pdb" $stamp fs_rec.obj fill.obj
	$link "fs_rec/$m/private" "$pdb" $stamp private.obj
	$link "fs_rec/$m/nodebug" "" $stamp fs_rec.obj
}
llvm-dlltool-19 -m i386:x86-64 -d ntoskrnl.x64.def -l ntoskrnl.lib
fs_rec x86 link86
fs_rec x64 link64

# The wide driver and the kernels: their own debug information, one image each.
simple() {
	m=$1 dir=$2 image=$3 pdb=$4 entry=$5 time=$6 source=$7
	shift 7
	mkdir -p "$dir/$m"
	obj=${source%.c}.obj
	cc "$m" "$obj" "$source" $private
	lld-link-19 $lflags /machine:"$m" /entry:"$entry" /base:"$(base "$m")" /timestamp:"$time" $(debug "$pdb") "$@" /out:"$image" "$obj"
	mv "$image" "$pdb" "$dir/$m/"
}
simple x86 wide wide.sys wide.pdb DriverEntry@8 1000000000 wide.c
simple x64 wide wide.sys wide.pdb DriverEntry 1000000000 wide.c
simple arm wide wide.sys wide.pdb DriverEntry 1000000000 wide.c
simple arm64 wide wide.sys wide.pdb DriverEntry 1000000000 wide.c
rm wide/arm/wide.pdb wide/arm64/wide.pdb # page comparison needs the images alone
# Kernels that debuggers read: types by a table, functions for the stacks of threads.
types() {
	header=$1 pointer=$2
	shift 2
	go run kerneltypes.go "$pointer" "$@" >"$header"
}
types nt.h 4 nt-xp.def
types nt-7.h 8 nt-7.def
types nt-10.h 8 nt-10.def
clang-19 -c --target=i686-pc-windows-msvc -o ntcode32.obj ntcode32.s
clang-19 -c --target=x86_64-pc-windows-msvc -o ntcode64.obj ntcode64.s
simple x86 nt ntoskrnl.exe ntkrnlmp.pdb KiSystemStartup@4 1091000000 nt32.c /version:5.1 \
	/export:KeSetEvent /export:IoCreateDevice /export:ZwLoadDriver ntcode32.obj
types nt.h 4 nt-xp.def nt-xp-pae.def
simple x86 . ntoskrnl.exe ntkrnlmp.pdb KiSystemStartup@4 1091000001 nt32.c /version:5.1 \
	/export:KeSetEvent /export:IoCreateDevice /export:ZwLoadDriver ntcode32.obj
mkdir -p nt/x86-pae
mv x86/ntoskrnl.exe x86/ntkrnlmp.pdb nt/x86-pae/
simple x64 . ntoskrnl.exe ntkrnlmp.pdb KiSystemStartup 1290000000 nt7.c /version:6.1 ntcode64.obj
mkdir -p nt/x64-7601
mv x64/ntoskrnl.exe x64/ntkrnlmp.pdb nt/x64-7601/
simple x64 nt ntoskrnl.exe ntkrnlmp.pdb KiSystemStartup 1600000000 nt64.c /version:10.0 ntcode64.obj
# Types of page-table entries of other kernels: their PDBs alone.
pte() {
	m=$1 dir=pte/$2
	mkdir -p "$dir"
	cc "$m" pte.obj pte.c -DERA="$3" $private
	lld-link-19 $lflags /machine:"$m" /entry:"$4" /base:"$(base "$m")" /timestamp:1100000000 $(debug pte.pdb) /out:pte.exe pte.obj
	mv pte.pdb "$dir/"
}
pte x86 x86-7 1 KiSystemStartup@4
pte x86 pae-xp 2 KiSystemStartup@4
pte x64 x64-7 3 KiSystemStartup

# The eras of kernel structures: an image for each build at which they changed,
# with threads, processors and code for stacks as the table has them.
era() {
	m=$1 build=$2 entry=$3 code=$4
	shift 4
	mkdir -p "nt/$m-$build"
	types nt-era.h "$@" ntera.c
	cc "$m" ntera.obj ntera.c $private -DBUILD="$build"
	lld-link-19 $lflags /machine:"$m" /entry:"$entry" /base:"$(base "$m")" /timestamp:$((1100000000 + build)) $(debug ntkrnlmp.pdb) \
		/out:ntoskrnl.exe ntera.obj "$code"
	mv ntoskrnl.exe ntkrnlmp.pdb "nt/$m-$build/"
}
for build in 3790 7601 9200 10240; do era x86 $build KiSystemStartup@4 ntcode32.obj 4 nt-xp.def; done
for build in 3790 9200 9600; do era x64 $build KiSystemStartup ntcode64.obj 8 nt-7.def; done
for build in 17134 22621 28000; do era x64 $build KiSystemStartup ntcode64.obj 8 nt-10.def; done

# Types and names of C++.
mkdir -p names/x64
cp "$src"/names.cpp .
cc x64 names.obj names.cpp $private -std=c++17 -fno-exceptions -fno-rtti
lld-link-19 /nologo /subsystem:console /nodefaultlib /release /machine:x64 /entry:start /base:0x140000000 /timestamp:1200000000 \
	$(debug names.pdb) /out:names.exe names.obj
mv names.exe names.pdb names/x64/

# The images of a process, with the sizes of the page about paged-out PEBs.
user() {
	m=$1 image=$2 pdb=$3 entry=$4
	shift 4
	mkdir -p "user/$m"
	cc "$m" user.obj notepad.c $private "$@"
	lld-link-19 ${lflags#/nologo /driver} /nologo /subsystem:windows /machine:"$m" /entry:"$entry" /timestamp:1340000000 $(debug "$pdb") \
		$([ "$image" = "${image%.dll}" ] || echo /dll /noimplib) /out:"$image" user.obj
	mv "$image" "$pdb" "user/$m/"
}
for m in x86 x64; do
	user $m notepad.exe notepad.pdb WinMainCRTStartup
	user $m ExplorerFrame.dll ExplorerFrame.pdb DllMain -DEXPLORERFRAME
done

# Itanium: objects of x64 without code of x64, in sections that fit its pages.
itanium() {
	dir=$1 image=$2 pdb=$3 entry=$4 define=$5 time=$6
	shift 6
	mkdir -p "$dir"
	clang-19 -c --target=x86_64-pc-windows-msvc -D"$define" -o ia64.obj ia64.S
	lld-link-19 $lflags /machine:x64 /align:8192 /entry:"$entry" /timestamp:"$time" $(debug "$pdb") "$@" /out:"$image" ia64.obj
	./ia64tool "$image" "$pdb"
	mv "$image" "$pdb" "$dir/"
}
types nt-ia64.h 8 nt-7.def nt-ia64.def
cc x64 ntia64.obj ntia64.c $private
itanium nt/ia64 ntoskrnl.exe ntkrnlmp.pdb KiSystemStartup KERNEL 1290000001 /base:0x140000000 /version:6.1 ntia64.obj
itanium fs_rec/ia64/good fs_rec.sys fs_rec.pdb DriverEntry DRIVER $stamp /base:0x140000000
itanium user/ia64 ExplorerFrame.dll ExplorerFrame.pdb DllMain DLL 1340000000 /base:0x180000000 /dll /noimplib

# Every product, under the name it is installed by: PDBs and the wide images
# gzipped.
list=$(find fs_rec names nt pte user wide -type f | LC_ALL=C sort)
packed() {
	case $1 in
	*.pdb | wide/*) echo "$1.gz" ;;
	*) echo "$1" ;;
	esac
}
check() {
	committed=$here/$(packed "$1")
	case $committed in
	*.gz) gzip -dc "$committed" >committed ;;
	*) cp "$committed" committed ;;
	esac
	cmp -s "$1" committed || { echo "differs: $1" >&2; return 1; }
}
put() {
	mkdir -p "$here/$(dirname "$1")"
	case $(packed "$1") in
	*.gz) gzip -9n <"$1" >"$here/$1.gz" ;;
	*) install -m 644 "$1" "$here/$1" ;;
	esac
}
# The table of SOURCES.md: everything after the line that begins it.
table() {
	sed '/^| file |/,$d' "$here/SOURCES.md"
	echo '| file | bytes | sha256 of those bytes |'
	echo '| --- | --- | --- |'
	for f in $list; do
		echo "| $(packed "$f") | $(wc -c <"$f") | $(sha256sum <"$f" | cut -d' ' -f1) |"
	done
}
table >SOURCES.md
status=0
for f in $list; do
	if [ "${1:-}" = --check ]; then check "$f" || status=1; else put "$f"; fi
done
if [ "${1:-}" = --check ]; then
	cmp -s SOURCES.md "$here/SOURCES.md" || { echo "differs: SOURCES.md" >&2; status=1; }
	[ $status != 0 ] || echo "testdata: $(echo "$list" | wc -l) files rebuilt, all equal"
else
	cp SOURCES.md "$here/SOURCES.md"
fi
exit $status
