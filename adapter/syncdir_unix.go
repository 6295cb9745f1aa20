//go:build !windows

package adapter

import (
	"errors"
	"os"
)

// syncDir makes a rename in dir safe against a crash of the machine.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
