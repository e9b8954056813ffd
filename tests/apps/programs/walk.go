// SPDX-License-Identifier: Apache-2.0
// Walks a folder and prints a digest of each file, all of them read by goroutines at once; then maps
// errors, seeks, children and preemption (goroutines that never yield make Go signal itself).
package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"sync"
)

func main() {
	root := os.Args[1]
	var mutex sync.Mutex
	var group sync.WaitGroup
	var lines []string

	stop := make(chan bool)
	go func() { // busy without a function call
		for n := uint64(1); ; n = n*6364136223846793005 + 1442695040888963407 {
			if n == 0 {
				close(stop)
			}
		}
	}()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		group.Add(1)
		go func() {
			defer group.Done()
			data, err := os.ReadFile(path)
			info, infoErr := entry.Info()
			mutex.Lock()
			defer mutex.Unlock()
			if err != nil || infoErr != nil {
				lines = append(lines, fmt.Sprint(path, err, infoErr))
				return
			}
			lines = append(lines, fmt.Sprintf("%s %d %d %v %x", path, len(data), info.Size(), info.Mode(),
				sha256.Sum256(data)))
		}()
		return nil
	})
	group.Wait()
	sort.Strings(lines)
	for _, line := range lines {
		fmt.Println(line)
	}
	fmt.Println("walk:", err, len(lines))
	others(root)
}

func others(root string) {
	_, err := os.Open(root + "/none")
	fmt.Println("missing:", errors.Is(err, fs.ErrNotExist), err)
	_, err = os.ReadFile(root)
	fmt.Println("directory:", err)
	file, err := os.Open(root + "/text/table.csv")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	at, err := file.Seek(-10, io.SeekEnd)
	rest, _ := io.ReadAll(file)
	fmt.Printf("seek: %d %v %q\n", at, err, rest)
	part := make([]byte, 12)
	n, err := file.ReadAt(part, 100)
	fmt.Printf("read at: %d %v %q\n", n, err, part)
	command := exec.Command("sha256sum", "text/table.csv")
	command.Dir = root
	out, err := command.CombinedOutput()
	fmt.Printf("child: %s %v\n", out, err)
	command = exec.Command("cat")
	file.Seek(0, io.SeekStart)
	command.Stdin = file
	out, err = command.Output()
	fmt.Printf("child's stdin: %d %v\n", len(out), err)
}
