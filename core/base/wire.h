/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conversation between a runtime (inside a program) and the user's daemon.
 *
 * One connection carries one request and one reply, each a single SOCK_SEQPACKET message: nothing
 * has to survive fork, vfork, exec or a program that closes every descriptor, and a client killed
 * at any instant leaves nothing behind. Descriptors travel with the reply as SCM_RIGHTS.
 * Both sides run on one machine, so integers are in native byte order.
 */
#ifndef CORE_BASE_WIRE_H
#define CORE_BASE_WIRE_H

#include <stdint.h>

#define WIRE_MAGIC     0x4d485353u /* "SSHM" */
#define WIRE_VERSION   17u
#define WIRE_PATH_MAX  4096u  /* bytes of a virtual path, with its NUL; PATH_MAX of Linux */
#define WIRE_MSG_MAX   60000u /* bytes of text in a request or a reply */
#define WIRE_CTX_BYTES 16u    /* a context's id: the first half of a SHA-256 */
#define WIRE_FDS_MAX   3u     /* descriptors with one reply */

enum wire_op {
	/* text: the credential environment, "NAME=VALUE\0NAME=VALUE\0"; reply: its context id.
	 * The id is a digest of the text, so the same environment registers the same context again
	 * after a daemon was restarted. */
	WIRE_HELLO = 1,
	/* text: virtual path; reply: attributes. Without WIRE_NOFOLLOW of what a symbolic link
	 * leads to, see WIRE_ELINK. */
	WIRE_STAT,
	/* text: virtual path; reply: attributes and {data descriptor, vnode descriptor}, and with
	 * an access mode that writes {..., notes descriptor}. flags: open(2) flags, of which the
	 * daemon looks at the access mode, O_CREAT, O_EXCL, O_TRUNC, O_DIRECTORY and O_PATH. mode:
	 * permission bits of a file that is made, umask taken off already. See vnode.h and draft.h
	 * for the files. With O_TRUNC the file is empty when the reply comes. Errors beyond those
	 * of a reader: -EEXIST, -EISDIR, -ENOTDIR, -EROFS (the root, a scheme), -ENOSPC,
	 * -ELOOP (a symbolic link, with WIRE_NOFOLLOW and without O_PATH). */
	WIRE_OPEN,
	/* data_dev, data_ino: a file's data file; makes [offset, offset + length) present, then
	 * replies. For a directory: at least one record beyond offset, or the end. flags: below. */
	WIRE_ENSURE,
	/* data_dev, data_ino: of a descriptor met without having been opened here (inherited or
	 * received); reply: attributes and {vnode descriptor}, of a draft {vnode descriptor, notes
	 * descriptor}; or -ENOENT when it is not of this daemon's cache. */
	WIRE_IDENTIFY,
	/* text: one line about this process for the log (a set-uid program run natively). */
	WIRE_REPORT,
	/* With the request comes one descriptor (SCM_RIGHTS), open for reading: an ELF file that is
	 * about to be mapped executable. Reply: 0 when its twin stands in the cache (twin.h), else
	 * -ENOEXEC (not a file that can have one), -ESTALE (it changes while it is read), -ENOSPC,
	 * -E2BIG, -ETIMEDOUT (a limit of the rewriter), -EIO,
	 * -EBADF (no descriptor came). No text: the program runs all the
	 * same, by traps. */
	WIRE_TWIN,
	/* text: a twin's name; offset: in the original file, of an instruction no twin had proven
	 * that trapped as a real system call. No reply; the next twin of that file has it. */
	WIRE_TRAPPED,
	/* data_dev, data_ino: a file that was written to. Reply: 0 once every change that was begun
	 * before is in the bucket. Errors: -ESTALE (another version is in the bucket by now; ours
	 * is kept), -EACCES, -ENOENT (no such bucket), -EFBIG, -ENOSPC, -EIO; in each case the
	 * changes are kept here and the next flush tries again. A line may come without one. */
	WIRE_FLUSH,
	/* data_dev, data_ino: a file that is being written to, of which another part is finished
	 * (draft.h): it may be sent. No reply. */
	WIRE_STREAM,
	/* Waits for all that this process has told to flush with WIRE_FLUSH_LATER, and to remove
	 * with WIRE_UNLINK_LATER; length: how many of the latter were only started, since the
	 * process began. Errors as of WIRE_FLUSH and WIRE_UNLINK: the first; its line says how many
	 * there were. -EIO: a daemon that died had some of them, and its
	 * journal is damaged. */
	WIRE_SETTLE,
	/* data_dev, data_ino, length: the file's new size. Cuts it off, or makes it longer by
	 * zeros, as one change. The descriptor must have been opened for writing by the caller. */
	WIRE_TRUNCATE,
	/* text: virtual path. flags: AT_REMOVEDIR for rmdir, or WIRE_UNLINK_LATER; then attr.size
	 * of the reply is 1 if it was only started. Errors as of unlink(2), rmdir(2). */
	WIRE_UNLINK,
	/* text: virtual path; mode. Errors as of mkdir(2). */
	WIRE_MKDIR,
	/* text: two virtual paths, "OLD\0NEW"; flags: of renameat2(2), and WIRE_MUST_BE_DIR when
	 * either had a trailing slash. With RENAME_EXCHANGE mode says which: 1 OLD, 2 NEW; one
	 * that comes again (WIRE_AGAIN) does not change them back. Errors as of rename(2); -EINVAL
	 * for flags not served. */
	WIRE_RENAME,
	/* text: two virtual paths, "OLD\0NEW"; or with data_ino, only NEW, of a file that was
	 * opened without a name. Errors as of link(2). */
	WIRE_LINK,
	/* data_dev, data_ino: a file open for writing, just made and empty; offset, length: device
	 * and inode of the data file whose content it is to have. Reply as of WIRE_OPEN, of the
	 * file that takes its place. -EOPNOTSUPP: copy the bytes. mtime_ns: a number, as below in
	 * offset; with WIRE_AGAIN what was done is taken back, and it is -EOPNOTSUPP. */
	WIRE_CLONE,
	/* text: virtual path, or none and data_dev, data_ino. flags: WIRE_SET_*: which of mode,
	 * uid, gid, mtime_ns count. The attributes of a file that is written to go with its next
	 * flush, those of another are in the bucket when the reply comes. Errors: -ENOENT, -EPERM,
	 * the store's. */
	WIRE_SETATTR,
	/* What is not in the bucket, or not gone from it. flags 0: reply text is a JSON array of
	 * all. Otherwise offset is the id of one, and flags is one of WIRE_RECOVER_*. -ENOENT:
	 * there is no such id; with EXPORT the reply has {data descriptor}. */
	WIRE_RECOVER,
	/* text: "TARGET\0PATH", PATH a virtual path. Errors as of symlink(2). */
	WIRE_SYMLINK,
	/* text: virtual path; reply text: the target of the symbolic link. -EINVAL: it is none. */
	WIRE_READLINK,
	/* data_dev, data_ino: a file's data file. Reply text: the virtual path that a rename has
	 * given it since it was opened; attr.nlink 0: that name is gone. -ENOENT: no file. */
	WIRE_NAME,
	/* text: virtual path of a bucket or an object. Reply text: JSON: where it is asked for, as
	 * whom, and what was looked at to find that out. flags: WIRE_CREDS_TEST: one request is
	 * made, and what its answer says is told as well. -EINVAL: no such kind of store. */
	WIRE_CREDS,
	/* text: "PATH\0NAME" of an extended attribute, or with data_dev, data_ino, an empty PATH;
	 * an empty NAME: all names. Reply text: the value, or the names, each with its NUL; any
	 * bytes. Errors: -ENODATA, -ENOENT, -E2BIG, the store's. */
	WIRE_GETXATTR,
	/* text: "PATH\0NAME\0VALUE", or without VALUE and its NUL for WIRE_XATTR_REMOVE. flags: of
	 * setxattr(2). Errors as of that, -ENOSPC (the store keeps no more), -EOPNOTSUPP (of a
	 * bucket). */
	WIRE_SETXATTR,
	/* data_dev, data_ino: a file that is written to, for which its disk has no room;
	 * length: bytes that are to be written. Evicts what is clean. 0: there is more room than
	 * before, which is worth another try; -ENOSPC: nothing can go. */
	WIRE_ROOM,
	/* While a WIRE_FLUSH of this process is waited for (data_dev, data_ino), or its WIRE_SETTLE
	 * (0): attr.nlink: files that are not in the bucket yet, attr.size: bytes of all, attr.ino:
	 * how many of these are there. Never waits for the store. */
	WIRE_LEFT,
	/* Programs have opened so many files by themselves (core/base/opens.h) that the daemon
	 * should look at what they tell of it. No reply. */
	WIRE_OPENED,
	/* A `skyshim run` begins: the request's job. text: its credential environment, as of
	 * WIRE_HELLO, of length bytes, and its command line, for people; reply: as of WIRE_HELLO. A
	 * descriptor (SCM_RIGHTS) may come along: an empty file for its timeline (core/trace.h).
	 * -EIO: it cannot have one. */
	WIRE_JOB,
	/* For the command line. Reply text: JSON. WIRE_STATS of one job: the request's job, and
	 * -ENOENT when there is none; 0: all. */
	WIRE_STATUS,
	WIRE_STATS,
	/* text: virtual path of a bucket, or of a folder in one. Reply text: JSON: what its service
	 * can do (fs/detect.h), which takes some seconds. -EINVAL: no such kind of store; -EISDIR:
	 * it is no bucket. */
	WIRE_DETECT,
	WIRE_OPS
};

/* All of a message that asks the daemon to leave. It is the same in every version, for ever, as a
 * daemon of another version is to be ended with it. The answer is a reply, or the end. */
#define WIRE_STOP "skyshim: stop\n"

/* What to say when a reply's error is -EPROTONOSUPPORT. */
#define WIRE_OTHER_VERSION                                                                     \
	"the daemon is of another version of skyshim: `skyshim stop` ends it, then start the " \
	"program again"

/* flags of WIRE_ENSURE */
#define WIRE_ENSURE_NOWAIT 1u /* a hint: no reply is sent, the client does not wait */
#define WIRE_ENSURE_PIN	   2u /* keep every block of this file while any process has it open: the */
/* kernel is about to read it without asking (mmap, sendfile, splice) */
#define WIRE_ENSURE_RANDOM 4u /* POSIX_FADV_RANDOM was given: no read-ahead beyond the range */
#define WIRE_ENSURE_ONWARD 8u /* POSIX_FADV_SEQUENTIAL was given: a large window from the start */
/* these two with NOWAIT only, -EINVAL otherwise */
#define WIRE_ENSURE_WANT  16u /* the range will be read (POSIX_FADV_WILLNEED) */
#define WIRE_ENSURE_LEAVE 32u /* it will not (POSIX_FADV_DONTNEED) */

/* flags of WIRE_STAT and WIRE_OPEN, above open(2)'s own bits */
#define WIRE_MUST_BE_DIR 0x40000000u /* the path had a trailing slash */
#define WIRE_ANY_AGE	 0x20000000u /* only whether it exists matters: an old answer will do */

/* of WIRE_STAT: mode and owner as the object itself tells them, which a listing cannot */
#define WIRE_TOLD 0x02000000u

#define WIRE_NOFOLLOW 0x08000000u /* a symbolic link itself; of WIRE_SETATTR and WIRE_LINK, too */

#define WIRE_UNNAMED 0x10000000u /* WIRE_OPEN: path is a directory, for a file without a name; */
/* with O_EXCL it never gets one */

/* flags of WIRE_FLUSH */
#define WIRE_FLUSH_LATER 1u /* only starts it: WIRE_SETTLE waits, or nobody */

/* of WIRE_UNLINK: it need not be gone from the bucket yet, WIRE_SETTLE waits */
#define WIRE_UNLINK_LATER 0x04000000u

/* of WIRE_LINK, WIRE_RENAME, WIRE_UNLINK, WIRE_MKDIR, WIRE_SYMLINK, WIRE_CLONE: a daemon that has
 * died was asked before, and may have done it; or its answer could not be received. Each of them
 * has in offset a number that no other has. */
#define WIRE_AGAIN 0x01000000u

/* flags of WIRE_SETATTR */
#define WIRE_SET_MODE  1u
#define WIRE_SET_UID   2u
#define WIRE_SET_GID   4u
#define WIRE_SET_MTIME 8u

/* flags of WIRE_CREDS */
#define WIRE_CREDS_TEST 1u

/* flags of WIRE_SETXATTR, beside XATTR_CREATE and XATTR_REPLACE */
#define WIRE_XATTR_REMOVE 4u

/* flags of WIRE_RECOVER */
#define WIRE_RECOVER_RETRY   1u /* publishes it if its version is still there */
#define WIRE_RECOVER_OVER    2u /* publishes it in place of whatever is there */
#define WIRE_RECOVER_EXPORT  4u
#define WIRE_RECOVER_DISCARD 8u

struct wire_request {
	uint32_t magic;
	uint16_t version;
	uint16_t op;
	uint8_t ctx[WIRE_CTX_BYTES];
	uint64_t data_dev, data_ino;
	uint64_t offset, length; /* bytes */
	int64_t mtime_ns;	 /* since 1970 */
	uint32_t mode;		 /* permission bits */
	uint32_t uid, gid;
	uint32_t flags;
	uint32_t text_len; /* bytes that follow this struct; a path has no NUL */
	uint32_t job;	   /* the `skyshim run` that this process is part of, 0: of none */
};

#define WIRE_CALLER UINT32_MAX /* an owner: whoever asks; the runtime fills it in */

/* What stat(2) tells of a file. */
struct wire_attr {
	uint64_t ino;	  /* stable: a digest of the object's name; never 0 */
	uint64_t size;	  /* bytes */
	int64_t mtime_ns; /* since 1970, nanoseconds */
	uint32_t mode;	  /* file type and permission bits */
	uint32_t nlink;
	uint32_t uid, gid; /* WIRE_CALLER mostly */
};

struct wire_reply {
	uint32_t magic;
	int32_t error; /* 0 or a negative errno */
	uint8_t ctx[WIRE_CTX_BYTES];
	struct wire_attr attr;
	uint32_t fds;	   /* how many descriptors came along */
	uint32_t text_len; /* with an error: one line for the user's stderr, without its newline, or
			    */
			   /* nothing when it was said already or would say nothing new */
};

/* A reply's error when ctx is unknown to the daemon (it was restarted): register it by WIRE_HELLO.
 */
#define WIRE_EUNKNOWN_CTX 1000

/* A reply's error when a path leads through a symbolic link, anywhere in it: nothing was done. The
 * text is the path to go on with instead, which may be anywhere: absolute, or without a slash in
 * front, then it starts at the root of the clouds; not cleaned of dots. attr.size: which of the
 * request's paths, from 0. */
#define WIRE_ELINK 1001

#endif
