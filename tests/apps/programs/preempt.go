// SPDX-License-Identifier: Apache-2.0
// Go's own preemption and its profiler: a signal whose handler looks at where it found the goroutine,
// and only at a place it knows may change it. Goroutines that never yield, garbage that has to be
// collected among them, system calls made meanwhile: all of it for a moment, then every sum is checked.
package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	readers = 4
	rounds  = 150
)

var stop uint32
var turns [2]uint64

func spin(which int) {
	n := uint64(which) + 1
	for i := 0; ; i++ {
		n = n*6364136223846793005 + 1442695040888963407
		if n == 0 || i&0xffffff == 0 && atomic.LoadUint32(&stop) != 0 {
			break
		}
	}
	turns[which] = n | 1
}

// read returns how often what it got was not what there is.
func read(path string, want []byte) (wrong int) {
	for i := 0; i < rounds; i++ {
		file, err := os.Open(path)
		if err != nil {
			return rounds
		}
		got, err := io.ReadAll(file)
		info, statErr := file.Stat()
		if err != nil || statErr != nil || info.Size() != int64(len(want)) || !bytes.Equal(got, want) {
			wrong++
		}
		file.Close()
		// Raw, without the scheduler being told; and one that fails.
		if pid, _, _ := syscall.RawSyscall(syscall.SYS_GETPID, 0, 0, 0); int(pid) != os.Getpid() {
			wrong++
		}
		if _, err := os.Stat(path + ".none"); !os.IsNotExist(err) {
			wrong++
		}
	}
	return wrong
}

func garbage() (kept int) {
	for i := 0; i < 200; i++ {
		chunk := make([][]byte, 200)
		for j := range chunk {
			chunk[j] = make([]byte, 100+j)
		}
		kept += len(chunk[i%200])
	}
	return kept
}

func main() {
	path := os.Args[1] + "/text/table.csv"
	var profile bytes.Buffer
	var group sync.WaitGroup
	var wrong [readers]int

	runtime.GOMAXPROCS(4)
	want, err := os.ReadFile(path)
	fmt.Println("bytes:", len(want), err)
	fmt.Println("profile:", pprof.StartCPUProfile(&profile))
	for i := range turns {
		go spin(i)
	}
	for i := 0; i < readers; i++ {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			wrong[i] = read(path, want)
		}(i)
	}
	fmt.Println("garbage:", garbage())
	group.Wait()
	runtime.GC()
	atomic.StoreUint32(&stop, 1)
	time.Sleep(20 * time.Millisecond)
	pprof.StopCPUProfile()
	fmt.Println("wrong:", wrong, "profiled:", profile.Len() > 0)
}
