//go:build !windows

package adapter

import (
	"errors"
	"os"
)

const (
	modesCount = true  // a directory's mode says who may write to it
	lockToRead = false // a file that is renamed over stays whole for who reads it
)

// syncDir makes a rename in dir safe against a crash of the machine.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
