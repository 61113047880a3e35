// Package eval evaluates the expressions of Microsoft's debuggers: MASM
// expressions, as `?` takes them, and the subset of C++ that `??` has, over the
// memory, registers, symbols and types that the caller supplies in an [Env].
//
//	v, err := eval.MASM(ctx, env, "poi(nt!PsLoadedModuleList)+10")
//	v, err := eval.CPP(ctx, env, "@$proc->Pcb.Header.Type")
//
// # MASM
//
// Numbers are hexadecimal unless [Env] has another radix: 0x, 0n, 0t and 0y say
// hexadecimal, decimal, octal and binary, `10h` is hexadecimal, and a back-tick may
// divide the digits of a hexadecimal number. In a kernel a number from 80000000 to
// ffffffff that is written without a back-tick, and not right behind a +, is extended by
// its sign. Values are
// signed 64-bit integers. From the tightest to the loosest the operators are
//
//   - - ~ not hi low by wo dwo qwo poi $pby $pwo $pdwo $pqwo $ppoi   (of one operand)
//   - / % mod
//   - -
//     << >> >>>
//     = == != < > <= >=
//     & and ^ xor | or
//
// and those of one line are taken from left to right. `~` is `not`. Square brackets
// are parentheses.
// `$vvalid`, `$iment`, `$scmp`, `$sicmp` and `$spat` are functions, `$name` and
// `@$name` pseudo-registers, `@name` a register, `.` the instruction pointer, 'a' a
// character, @!"name" a symbol whose name has other characters in it, and
// @@c++(...) an expression in C++.
//
// # C++
//
// There are numbers, characters, variables, registers, operators without
// assignment, casts, sizeof, member access, arrays, @@masm(...), and the macros
// #FIELD_OFFSET, #CONTAINING_RECORD and #RTL_FIELD_SIZE. As in the debugger, two
// operands of one size keep it: there is no promotion to int.
//
// # Errors
//
// An [*Error] says what is wrong, in the debugger's words, and where. The debugger
// reports the value of an expression with something behind it as well as the error:
// with [ErrExtra] the value is good.
//
// The facts are what the engine of WinDbg 6.12 answers; testdata has the questions
// of the tests and its answers. The syntax is that of "MASM Numbers and Operators"
// and "C++ Numbers and Operators" in Microsoft's documentation of the debuggers.
package eval
