# SPDX-License-Identifier: Apache-2.0
"""Program files that run natively and are odd: a rewriter must make sense of them or leave them alone.

Each is a real program (the reader, linked statically by musl) whose file has been changed in what the
kernel does not look at, or does not mind. It lists and reads a folder of the bucket: what it prints
has to be the same, so whatever of it is not rewritten has to be caught.
"""
import os
import struct

from case import Case, difference, neutral, want

ELF = struct.Struct("<16sHHIQQQIHHHHHH")
PHDR = struct.Struct("<IIQQQQQQ")
SHDR = struct.Struct("<IIQQQQIIQQ")
LOAD, NOTE, EH_FRAME, STACK = 1, 4, 0x6474e550, 0x6474e551
EXECUTE = 1
PAGE = 4096


class Image:
    """A file's bytes with its two tables as lists that can be changed."""

    def __init__(self, path):
        with open(path, "rb") as source:
            self.data = bytearray(source.read())
        self.head = list(ELF.unpack_from(self.data))
        self.segments = [list(PHDR.unpack_from(self.data, self.head[5] + 56 * i)) for i in range(self.head[10])]
        self.sections = [list(SHDR.unpack_from(self.data, self.head[6] + 64 * i)) for i in range(self.head[12])]

    def put(self):
        """The file: the program headers where they were, as long as there are no more than before."""
        ELF.pack_into(self.data, 0, *self.head)
        for i, segment in enumerate(self.segments):
            PHDR.pack_into(self.data, self.head[5] + 56 * i, *segment)
        for i, section in enumerate(self.sections):
            if self.head[6] + 64 * i + 64 <= len(self.data):
                SHDR.pack_into(self.data, self.head[6] + 64 * i, *section)
        return bytes(self.data)

    def move_headers(self, segments):
        """More headers than there is room for: at the end of the file, in a segment of their own."""
        self.data += bytes(-len(self.data) % PAGE)
        at = len(self.data)
        top = max(s[3] + s[6] for s in segments if s[0] == LOAD)
        size = 56 * (len(segments) + 1)
        address = (top + (1 << 25)) // PAGE * PAGE
        self.segments = segments + [[LOAD, 4, at, address, address, size, size, PAGE]]
        self.head[5], self.head[10] = at, len(self.segments)
        self.data += bytes(size)

    def code(self):
        return next(s for s in self.segments if s[0] == LOAD and s[1] & EXECUTE)


def no_sections(image):
    """As sstrip(1) leaves it: nothing behind the last segment."""
    end = max(s[2] + s[5] for s in image.segments if s[0] == LOAD)
    image.head[6] = image.head[11] = image.head[12] = image.head[13] = 0
    image.sections = []
    del image.data[end:]


def sections_beyond(image):
    image.head[6] = 1 << 40
    image.sections = []


def sections_many(image):
    image.head[12] = 0xfeff
    image.head[13] = 0xfefe
    image.sections = []


def sections_odd_size(image):
    image.head[11] = 1
    image.sections = []


def section_sizes(image):
    """Symbols, strings and all else end beyond the file, or past the end of all numbers."""
    for number, section in enumerate(image.sections):
        section[5] = (1 << 64) - 16 if number % 2 else 1 << 45


def section_offsets(image):
    for number, section in enumerate(image.sections):
        section[4] = (1 << 64) - 8 * number - 8


def section_links(image):
    for section in image.sections:
        section[6], section[9] = 0xffffff, 0


def symbols_wild(image):
    """Every symbol a function somewhere, its size enormous."""
    for section in image.sections:
        if section[1] != 2:
            continue
        for at in range(section[4], section[4] + section[5] - 23, 24):
            struct.pack_into("<IBBHQQ", image.data, at, 0xfffffff0, 0x12, 0, 1, at * 0x9e3779b97f4a7c15 % (1 << 64), 1 << 60)


def symbols_off_by_one(image):
    """Functions that start in the middle of instructions: what is decoded from there is not the code."""
    for section in image.sections:
        if section[1] != 2:
            continue
        for at in range(section[4], section[4] + section[5] - 23, 24):
            name, kind, other, index, value, size = struct.unpack_from("<IBBHQQ", image.data, at)
            if kind & 15 == 2:
                struct.pack_into("<IBBHQQ", image.data, at, name, kind, other, index, value + 1, size)


def unwind_wild(image):
    """.eh_frame of random numbers: lengths, pointers and encodings."""
    for segment in image.segments:
        if segment[0] == EH_FRAME:
            segment[2], segment[5] = 1 << 33, 1 << 20
    for section in image.sections:
        if section[1] == 1 and section[2] & 6 == 2:
            seed = 1
            for at in range(section[4], section[4] + section[5]):
                seed = (seed * 1103515245 + 12345) & 0x7fffffff
                if image.sections.index(section) == unwind_section(image):
                    image.data[at] = seed >> 16 & 255


def unwind_section(image):
    names = image.sections[image.head[13]]
    for number, section in enumerate(image.sections):
        at = names[4] + section[0]
        if bytes(image.data[at:at + 10]) == b".eh_frame\0":
            return number
    return -1


def notes_wild(image):
    """A build id without end."""
    for segment in image.segments:
        if segment[0] in (EH_FRAME, STACK):
            segment[0], segment[2], segment[5], segment[6] = NOTE, 64, 1 << 30, 1 << 30


def align_huge(image):
    for segment in image.segments:
        if segment[0] == LOAD:
            segment[7] = 1 << 30


def align_zero(image):
    for segment in image.segments:
        if segment[0] == LOAD:
            segment[7] = 0


def all_writable(image):
    """Text that may be written: no twin can prove what it will be."""
    image.code()[1] = 7


def all_executable(image):
    for segment in image.segments:
        if segment[0] == LOAD:
            segment[1] |= EXECUTE
        if segment[0] == STACK:
            segment[1] = 7


def unsorted(image):
    loads = [s for s in image.segments if s[0] == LOAD]
    others = [s for s in image.segments if s[0] != LOAD]
    image.segments[:] = [loads[0], *reversed(loads[1:]), *others]


def headers_many(image):
    """As many as the kernel takes: 64 KiB. Those that matter stand first and last."""
    spare = 65536 // 56 - len(image.segments) - 1
    image.move_headers(image.segments[:-1] + [[0] * 8 for _ in range(spare)] + image.segments[-1:])


def code_in_pieces(image):
    """The text as one segment for each page of it: more than anybody would count on."""
    code = image.code()
    pieces = []
    at = 0
    while at < code[5]:
        size = min(PAGE - (code[2] + at) % PAGE, code[5] - at)
        pieces.append([LOAD, 5, code[2] + at, code[3] + at, code[4] + at, size, size, PAGE])
        at += size
    image.move_headers([p for s in image.segments for p in (pieces if s is code else [s])])


def code_twice(image):
    """The text mapped a second time, elsewhere."""
    code = image.code()
    top = max(s[3] + s[6] for s in image.segments if s[0] == LOAD)
    again = code[:]
    again[3] = again[4] = (top + (1 << 24)) // PAGE * PAGE + code[3] % PAGE
    image.move_headers(image.segments + [again])


def code_overlapping(image):
    """A second segment over the last page of the text, the same bytes of the file."""
    code = image.code()
    page = (code[3] + code[5] - 1) // PAGE * PAGE
    skipped = page - code[3]
    image.move_headers(image.segments + [[LOAD, 5, code[2] + skipped, page, page, code[5] - skipped, code[5] - skipped, PAGE]])


def tail_of_noise(image):
    image.data += bytes((i * 31 + (i >> 8) * 7) & 255 for i in range(100000)) + b"\x0f\x05" * 1000


CHANGES = [no_sections, sections_beyond, sections_many, sections_odd_size, section_sizes, section_offsets, section_links,
           symbols_wild, symbols_off_by_one, unwind_wild, notes_wild, align_huge, align_zero, all_writable, all_executable,
           unsorted, headers_many, code_in_pieces, code_twice, code_overlapping, tail_of_noise]
HOLE_BYTES = 6 << 30


def same(context, path):
    """Runs path on both sides; it has to have worked natively, or this case tests nothing."""
    command = [path, "{D}/probe/dir"]
    native = context.run_local(command)
    want(native.status == 0 and native.stdout.count(b"\n") == 40, f"natively it does not work: {native}")
    for times in ("first", "second"):
        ours = context.run_cloud(command)
        one, other = (neutral(r.stdout, root, context.work) for r, root in ((native, context.world.local), (ours, context.cloud)))
        want((native.status, one) == (ours.status, other),
             f"{times} run: status {ours.status}, {ours.stderr[:300]!r}\n{difference(one, other)}")


def changed(change, program):
    def check(context):
        image = Image(f"{context.world.programs}/{program}")
        change(image)
        path = os.path.join(context.work, change.__name__)
        with open(path, "wb") as out:
            out.write(image.put())
        os.chmod(path, 0o755)
        same(context, path)
    return check


def mostly_hole(context):
    """A program whose file says it has gigabytes: a copy must not take as long as that, nor the space."""
    path = os.path.join(context.work, "hole")
    with open(f"{context.world.programs}/reader-musl-static", "rb") as source, open(path, "wb") as out:
        out.write(source.read())
        out.truncate(HOLE_BYTES)
    os.chmod(path, 0o755)
    same(context, path)
    used = sum(os.lstat(os.path.join(top, name)).st_blocks for top, _, files in os.walk(context.folder) for name in files)
    want(used * 512 < 1 << 30, f"{used // 2048} MiB on the disk afterwards")


def packed(context):
    """Packed by upx: a stub that maps memory, unpacks the program into it and runs it."""
    path = os.path.join(context.work, "packed")
    done = context.run(["upx", "-qq", "-1", "-o", path, f"{context.world.programs}/reader-glibc-static"])
    want(done.status == 0, str(done))
    same(context, path)


def replaced(context):
    """Another program under the same name, and one in its very place: what is in the file is what runs."""
    path = os.path.join(context.work, "program")
    for program in ("reader-musl-static", "reader-glibc-static", "reader-musl", "reader-musl-static"):
        with open(f"{context.world.programs}/{program}", "rb") as source, open(path, "wb") as out:
            out.write(source.read())
        os.chmod(path, 0o755)
        same(context, path)


CASES = [Case(f"odd-elf/{change.__name__.replace('_', '-')}", check=changed(change, "reader-musl-static")) for change in CHANGES]
CASES += [Case("odd-elf/mostly-hole", check=mostly_hole), Case("odd-elf/replaced", check=replaced)]
if any(os.access(f"{folder}/upx", os.X_OK) for folder in ("/usr/bin", "/usr/local/bin")):
    CASES.append(Case("odd-elf/packed", check=packed))
