-- SPDX-License-Identifier: Apache-2.0
-- For LuaJIT: loops hot enough to be compiled, which call open, read and close from compiled code.
local ffi = require("ffi")
ffi.cdef [[
int open(const char *path, int flags, ...);
long read(int fd, void *buffer, size_t bytes);
int close(int fd);
int getppid(void);
long syscall(long number, ...);
]]
local folder = arg[1]
local small = folder .. "/probe/small.txt"
local buffer = ffi.new("char[64]")
local good, parents = 0, 0
local parent = ffi.C.getppid()

for _ = 1, 3000 do
	local fd = ffi.C.open(small, 0)
	if fd >= 0 and ffi.C.read(fd, buffer, 64) == 14 then
		good = good + 1
	end
	ffi.C.close(fd)
	if ffi.C.syscall(110) == parent then
		parents = parents + 1
	end
end
print("compiled", jit.status(), good, parents, ffi.string(buffer, 13))

local lines, bytes = 0, 0
for _ = 1, 5 do
	for line in io.open(folder .. "/text/table.csv"):lines() do
		lines = lines + 1
		bytes = bytes + #line
	end
end
print("lines", lines, bytes)
-- A callback: machine code that LuaJIT makes for C to call.
ffi.cdef "void qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *));"
local numbers = ffi.new("int[100]")
for i = 0, 99 do
	numbers[i] = (i * 37) % 100
end
ffi.C.qsort(numbers, 100, 4, function(a, b)
	return ffi.cast("const int *", a)[0] - ffi.cast("const int *", b)[0]
end)
print("callback", numbers[0], numbers[50], numbers[99], io.open(folder .. "/none"))
