// SPDX-License-Identifier: Apache-2.0
// Goroutines on small stacks, preempted by signals, reading files side by side.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
)

func main() {
	var wait sync.WaitGroup
	var lock sync.Mutex
	total := 0
	for i := 0; i < 100; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			data, err := os.ReadFile("numbers")
			if err != nil {
				panic(err)
			}
			runtime.GC()
			lock.Lock()
			total += len(data)
			lock.Unlock()
		}()
	}
	wait.Wait()
	out, err := exec.Command("echo", "child").Output()
	fmt.Println(total, string(out), err)
}
