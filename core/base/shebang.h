/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first line of a script, read as Linux reads it (fs/binfmt_script.c): "#!", an interpreter,
 * and the rest of the line as at most one argument.
 *
 * An execve of the script becomes one of the interpreter with the arguments
 * {interpreter, [argument,] path of the script, original argv[1]...}; the interpreter may itself be
 * a script, SHEBANG_DEPTH_MAX times in all, then the kernel says ELOOP.
 */
#ifndef CORE_BASE_SHEBANG_H
#define CORE_BASE_SHEBANG_H

#define SHEBANG_BYTES	  256 /* what the kernel looks at: BINPRM_BUF_SIZE */
#define SHEBANG_DEPTH_MAX 5   /* scripts in a row, see exec_binprm() in fs/exec.c */

/* buf: the first SHEBANG_BYTES bytes of the file, the rest zero when the file is shorter; it is
 * changed, and both results are NUL-terminated strings in it. Returns 1 and sets *interp_out and
 * *arg_out (NULL: no argument; "" is possible and is passed on), 0 when the file does not start
 * with "#!", -ENOEXEC when it does and the kernel would refuse the line. */
int shebang_parse(char buf[SHEBANG_BYTES], char **interp_out, char **arg_out);

#endif
