//go:build !linux

package pgtest

import (
	"os"
	"os/exec"
)

func runAs(cmd *exec.Cmd, uid, gid int) {}

func quit(cmd *exec.Cmd) { _ = cmd.Process.Signal(os.Interrupt) }
