//go:build nolibcrypto || !((linux && (amd64 || arm64)) || (darwin && (amd64 || arm64)))

package token

import "fmt"

// libcryptoBackend: this build cannot load libraries at run time. On Linux the
// tag nolibcrypto also keeps the binary static.
func libcryptoBackend() (backend, error) {
	return backend{}, fmt.Errorf("%w: not in this build", ErrNoLibcrypto)
}
