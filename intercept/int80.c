/* SPDX-License-Identifier: Apache-2.0 */
/* See int80.h. Numbers from the kernel's arch/x86/entry/syscalls/syscall_32.tbl; only calls whose
 * structures, if any, are the same for both entries. */
#include "intercept/int80.h"

#define PREAD64 180

static const struct {
	uint16_t from, to;
} same[] = {
	{3, __NR_read},		 {5, __NR_open},	 {6, __NR_close},
	{8, __NR_creat},	 {10, __NR_unlink},	 {12, __NR_chdir},
	{33, __NR_access},	 {39, __NR_mkdir},	 {40, __NR_rmdir},
	{41, __NR_dup},		 {63, __NR_dup2},	 {85, __NR_readlink},
	{91, __NR_munmap},	 {125, __NR_mprotect},	 {133, __NR_fchdir},
	{PREAD64, __NR_pread64}, {183, __NR_getcwd},	 {220, __NR_getdents64},
	{295, __NR_openat},	 {301, __NR_unlinkat},	 {305, __NR_readlinkat},
	{307, __NR_faccessat},	 {330, __NR_dup3},	 {383, __NR_statx},
	{437, __NR_openat2},	 {439, __NR_faccessat2}, {4, __NR_write},
	{9, __NR_link},		 {15, __NR_chmod},	 {38, __NR_rename},
	{83, __NR_symlink},	 {92, __NR_truncate},	 {93, __NR_ftruncate},
	{94, __NR_fchmod},	 {118, __NR_fsync},	 {148, __NR_fdatasync},
	{296, __NR_mkdirat},	 {302, __NR_renameat},	 {306, __NR_fchmodat},
	{353, __NR_renameat2},
};

long int80_translate(const struct kregs *r, uint64_t arg[6])
{
	const uint64_t from[6] = {r->bx, r->cx, r->dx, r->si, r->di, r->bp};
	uint32_t nr = (uint32_t)r->ax;

	for (unsigned i = 0; i < 6; i++)
		arg[i] = (uint32_t)from[i];
	if (nr == PREAD64) /* a 64-bit offset in two registers */
		arg[3] |= arg[4] << 32;
	for (unsigned i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		if (same[i].from == nr)
			return same[i].to;
	return -1;
}
