/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Twins: what the daemon writes and the runtime maps.
 *
 * The twin of an ELF file is a copy of it, at the same file offsets, in which proven `syscall`
 * instructions are replaced by jumps to trampolines. Behind the copy, at TWIN_TAIL(size of the
 * original), stand a struct twin_header and, page-aligned, the trampolines with the table of sites
 * behind them: one mapping.
 * Of a file without sites the copy is a hole: its twin only says that all of it is proven.
 * The runtime maps the twin's executable segments in place of the original's, and the trampolines
 * at code_vaddr (with the image's bias); nothing in a twin depends on where it is mapped.
 *
 * Twins stand in the folder TWIN_DIR of the cache directory, mode 0700, under twin_name().
 * They are made by write-then-rename, so a name always means a whole file. A runtime opens them
 * without asking anybody; it asks the daemon (WIRE_TWIN) only when there is none.
 *
 * A trampoline:
 *
 *	the displaced instructions before the syscall
 *	check:	(by class, below) decides between pass and slow without touching flags or stack;
 *		rcx and r11 are free here, since a syscall clobbers both
 *	pass:	movb $0, %gs:TWIN_GS_SELECTOR	(9 bytes)
 *		syscall				(2 bytes)
 *	after:	movb $1, %gs:TWIN_GS_SELECTOR	(9 bytes)
 *	the displaced instructions behind the syscall
 *	jmp	back to the program
 *	slow:	lea pass(%rip), %rcx; jmp *%gs:TWIN_GS_ENTRY
 *
 * TWIN_GS_ENTRY is entered with every register as at the program's syscall instruction but rcx
 * (pass) and r11 (anything). The runtime leaves it to pass, all registers but those two as they
 * were, or to after, with the result in rax.
 * check, by the number's class (sysclass.h) where the number is known when the twin is written:
 *	SYSCLASS_PASS	nothing
 *	SYSCLASS_FD	mov %gs:TWIN_GS_FDS, %r11; movzwl %di, %ecx; movzbl (%r11,%rcx), %ecx;
 *			jrcxz slow		(a byte is 1 when that descriptor is the kernel's)
 *	SYSCLASS_ENTER	jmp slow
 * and otherwise
 *	mov %gs:TWIN_GS_CLASSES, %r11; movzwl %ax, %ecx; movzbl (%r11,%rcx), %ecx; jrcxz pass; slow
 * (TWIN_GS_CLASSES: 65536 bytes, enum sysclass by the low 16 bits of the number, so that x32
 * numbers are looked at like the others; 0 is SYSCLASS_PASS).
 * A signal may arrive at any of these instructions, but a program never sees their addresses:
 * struct twin_site tells for each what address of the program it stands for, and back.
 */
#ifndef CORE_BASE_TWIN_H
#define CORE_BASE_TWIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TWIN_MAGIC	  UINT64_C(0x314e495754594b53) /* "SKYTWIN1" */
#define TWIN_VERSION	  9u /* of this layout, of sysclass.h and of how sites are chosen */
#define TWIN_DIR	  "twins"
#define TWIN_PAGE	  4096u
#define TWIN_SEGMENTS_MAX 8u
#define TWIN_BUILD_ID_MAX 32u
#define TWIN_STEPS_MAX	  12u
#define TWIN_NAME_BYTES	  104u

/* Offsets from %gs: fields of struct thread of the runtime (checked there). */
#define TWIN_GS_SELECTOR 84  /* u8: 0 let system calls pass, 1 trap those of unproven code */
#define TWIN_GS_ENTRY	 88  /* where slow jumps to */
#define TWIN_GS_CLASSES	 96  /* const u8[65536] */
#define TWIN_GS_FDS	 104 /* u8[65536], by the low 16 bits of a descriptor */

#define TWIN_AFTER     11 /* bytes from pass to after */
#define TWIN_HUB_BYTES 32 /* free behind the last trampoline: intercept/farther.h */

/* Where the tail of a twin begins: the header. */
#define TWIN_TAIL(size) (((uint64_t)(size) + TWIN_PAGE - 1) & ~(uint64_t)(TWIN_PAGE - 1))

/* Of the original, as fstat(2) gives it. */
struct twin_key {
	uint64_t dev, ino, size;
	int64_t mtime_ns, ctime_ns;
};

/* How a site got its five bytes. */
enum twin_method {
	TWIN_BEFORE = 1, /* only instructions before the syscall are displaced */
	TWIN_AFTERWARDS, /* only instructions behind it */
	TWIN_AROUND,	 /* both */
	TWIN_HOP,	 /* a short jump to padding near by, which holds the long one */
	TWIN_METHODS
};

/* An executable PT_LOAD: page-rounded. */
struct twin_segment {
	uint64_t offset, vaddr, bytes;
};

struct twin_header {
	uint64_t magic;
	uint32_t version;
	uint32_t checksum; /* twin_checksum() of this struct with checksum 0 */
	struct twin_key key;
	uint64_t twin_bytes;   /* the whole twin file */
	uint64_t low, high;    /* extent of all PT_LOADs: page-rounded vaddrs */
	uint64_t first_offset; /* page-rounded file offset of the lowest PT_LOAD */
	uint64_t code_offset;  /* of the trampolines in the twin; page-aligned */
	uint64_t code_vaddr;   /* == high */
	uint64_t code_bytes;   /* with the table: a multiple of a page; 0: the file has no site */
	uint64_t build_id_offset; /* of the id in the original: times and numbers may be those of
				   * another file, on an image that is mounted anew, say */
	uint64_t sites_offset;	  /* struct twin_site[site_count] in the twin, within the code's
				   * bytes; 8-byte aligned */
	uint32_t site_count;
	uint32_t unproven; /* candidates (0f 05, 0f 34, cd 80) in bytes that no proven
				  * instruction covers: code from there must be able to trap */
	uint32_t left;	   /* proven sites that no method could replace: they trap too */
	uint32_t segment_count;
	uint32_t methods[TWIN_METHODS]; /* sites by enum twin_method; [0] is 0 */
	uint32_t build_id_bytes;
	struct twin_segment segment[TWIN_SEGMENTS_MAX];
	uint8_t build_id[TWIN_BUILD_ID_MAX]; /* NT_GNU_BUILD_ID, or zeroes */
};

/* From trampoline byte `tramp` on (up to the next step) the program stands at `start + orig`. */
struct twin_step {
	uint8_t tramp, orig;
};

/* One replaced syscall. Sorted by start; trampolines stand in the same order. */
struct twin_site {
	uint32_t start;	      /* first displaced byte: vaddr - low. The jump stands there. */
	uint32_t tramp;	      /* its trampoline: bytes from code_vaddr */
	uint16_t nr;	      /* the system call's number, or 0xffff when it is not known */
	uint16_t tramp_bytes; /* with slow */
	uint8_t bytes;	      /* displaced bytes, from start: [start, start + bytes) */
	uint8_t syscall;      /* the syscall instruction: bytes from start */
	uint8_t check;	/* bytes from tramp: where a program that returns to its syscall goes on */
	uint8_t pass;	/* bytes from tramp */
	uint8_t method; /* enum twin_method */
	uint8_t slow;	/* bytes from tramp; from here on the program stands at its syscall */
	uint8_t step_count;
	struct twin_step step[TWIN_STEPS_MAX]; /* ascending in both: one for each displaced
		instruction, one at check (orig: syscall), one at after (orig: syscall + 2), and
		one at the jump back (orig: bytes) unless after stands for the same */
};

/* The twin's file name, TWIN_VERSION in it. Returns its length. out: TWIN_NAME_BYTES. */
size_t twin_name(const struct twin_key *key, char *out);

/* FNV-1a, 32 bits. */
uint32_t twin_checksum(const void *data, size_t bytes);

/* Is this header whole, of this version, of this original, and consistent with a twin file of
 * twin_bytes bytes? */
bool twin_valid(const struct twin_header *head, const struct twin_key *key, uint64_t twin_bytes);

/* The site whose displaced bytes contain offset (vaddr - low), or NULL. */
const struct twin_site *twin_site_at(const struct twin_site *sites, uint32_t count,
				     uint64_t offset);

/* The site whose trampoline contains offset (bytes from code_vaddr), or NULL. */
const struct twin_site *twin_tramp_at(const struct twin_site *sites, uint32_t count,
				      uint64_t offset);

/* The program's address for an address in the site's trampoline, and back; both in the units of
 * struct twin_site (from low; from code_vaddr). twin_to_tramp: UINT64_MAX when no instruction of
 * the program starts at offset; of the jump itself (offset == start) the trampoline's begin. */
uint64_t twin_to_program(const struct twin_site *site, uint64_t tramp_offset);
uint64_t twin_to_tramp(const struct twin_site *site, uint64_t offset);

#endif
