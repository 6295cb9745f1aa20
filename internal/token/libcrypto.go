//go:build !nolibcrypto && ((linux && (amd64 || arm64)) || (darwin && (amd64 || arm64)))

package token

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
)

// Constants of openssl/evp.h, rsa.h and crypto.h, version 3.
const (
	rsaPKCS1Padding       = 1
	rsaPKCS1PSSPadding    = 6
	rsaPSSSaltlenDigest   = -1
	opensslVersionString  = 6
	opensslVersion3       = 0x30000000
	maxIdleContexts       = 16 // per key and algorithm; more signers at once make their own
	libcryptoModes        = 6  // two paddings, three hashes
	libcryptoProbeMessage = "latchkey"
)

var errLibcrypto = errors.New("libcrypto refused the operation")

// libcrypto holds the addresses of the functions used; resolved once.
type libcrypto struct {
	version string

	autoPrivateKey, pkeyFree           uintptr
	ctxNew, ctxFree                    uintptr
	signInit, sign                     uintptr
	setPadding, setSaltlen, setMD      uintptr
	sha256, sha384, sha512, clearError uintptr
}

var loadLibcrypto = sync.OnceValues(openLibcrypto)

func openLibcrypto() (*libcrypto, error) {
	names := []string{"libcrypto.so.3"}
	if runtime.GOOS == "darwin" {
		names = []string{"libcrypto.3.dylib", "/opt/homebrew/opt/openssl@3/lib/libcrypto.3.dylib", "/usr/local/opt/openssl@3/lib/libcrypto.3.dylib"}
	}
	var handle uintptr
	var err error
	for _, name := range names {
		if handle, err = purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_LOCAL); err == nil {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoLibcrypto, err)
	}
	l := &libcrypto{}
	var versionNum, versionText uintptr
	for name, fn := range map[string]*uintptr{
		"OpenSSL_version_num": &versionNum, "OpenSSL_version": &versionText,
		"d2i_AutoPrivateKey": &l.autoPrivateKey, "EVP_PKEY_free": &l.pkeyFree,
		"EVP_PKEY_CTX_new": &l.ctxNew, "EVP_PKEY_CTX_free": &l.ctxFree,
		"EVP_PKEY_sign_init": &l.signInit, "EVP_PKEY_sign": &l.sign,
		"EVP_PKEY_CTX_set_rsa_padding": &l.setPadding, "EVP_PKEY_CTX_set_rsa_pss_saltlen": &l.setSaltlen,
		"EVP_PKEY_CTX_set_signature_md": &l.setMD,
		"EVP_sha256":                    &l.sha256, "EVP_sha384": &l.sha384, "EVP_sha512": &l.sha512,
		"ERR_clear_error": &l.clearError,
	} {
		if *fn, err = purego.Dlsym(handle, name); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoLibcrypto, err)
		}
	}
	if n, _, _ := purego.SyscallN(versionNum); n < opensslVersion3 {
		return nil, fmt.Errorf("%w: version %#x is older than 3", ErrNoLibcrypto, n)
	}
	var version func(int32) string
	purego.RegisterFunc(&version, versionText)
	l.version = version(opensslVersionString)
	return l, nil
}

// libcryptoBackend loads the library. Errors: ErrNoLibcrypto.
func libcryptoBackend() (backend, error) {
	l, err := loadLibcrypto()
	if err != nil {
		return backend{}, err
	}
	return backend{name: "libcrypto " + l.version, open: l.open}, nil
}

// libcryptoKey signs with a private key held by libcrypto. It is a
// crypto.Signer for PKCS#1 v1.5 and for PSS with a salt as long as the hash,
// safe for concurrent use; its memory is freed with it.
type libcryptoKey struct {
	public *rsa.PublicKey
	held   *heldKey
}

// heldKey is what must be freed: the EVP_PKEY and prepared contexts, by mode.
type heldKey struct {
	lib  *libcrypto
	pkey uintptr
	idle [libcryptoModes]chan uintptr
}

// open copies an RSA key into libcrypto and proves the copy with a signature.
func (l *libcrypto) open(k *rsa.PrivateKey) (crypto.Signer, error) {
	der := x509.MarshalPKCS1PrivateKey(k)
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&der[0])
	at := &der[0] // d2i moves it past the key
	pkey, _, _ := purego.SyscallN(l.autoPrivateKey, 0, uintptr(unsafe.Pointer(&at)), uintptr(len(der)))
	runtime.KeepAlive(der)
	clear(der)
	if pkey == 0 {
		purego.SyscallN(l.clearError)
		return nil, fmt.Errorf("load RSA key: %w", errLibcrypto)
	}
	held := &heldKey{lib: l, pkey: pkey}
	for i := range held.idle {
		held.idle[i] = make(chan uintptr, maxIdleContexts)
	}
	s := &libcryptoKey{public: &k.PublicKey, held: held}
	runtime.AddCleanup(s, (*heldKey).free, held)
	sum := sha256.Sum256([]byte(libcryptoProbeMessage))
	sig, err := s.Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	if err := rsa.VerifyPKCS1v15(s.public, crypto.SHA256, sum[:], sig); err != nil {
		return nil, fmt.Errorf("libcrypto signs wrongly: %w", err)
	}
	return s, nil
}

func (h *heldKey) free() {
	for _, idle := range h.idle {
		for len(idle) > 0 {
			purego.SyscallN(h.lib.ctxFree, <-idle)
		}
	}
	purego.SyscallN(h.lib.pkeyFree, h.pkey)
}

// Public is the *rsa.PublicKey.
func (s *libcryptoKey) Public() crypto.PublicKey { return s.public }

// Sign signs a digest of SHA-256, SHA-384 or SHA-512; opts is the hash or
// *rsa.PSSOptions with a salt as long as the hash. The reader is not used:
// libcrypto has its own source of randomness.
func (s *libcryptoKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	hash, padding, mode := opts.HashFunc(), uintptr(rsaPKCS1Padding), 0
	if pss, ok := opts.(*rsa.PSSOptions); ok {
		if pss.SaltLength != rsa.PSSSaltLengthEqualsHash && pss.SaltLength != hash.Size() {
			return nil, errors.New("libcrypto signer: salt must be as long as the hash")
		}
		padding, mode = rsaPKCS1PSSPadding, 3
	}
	l := s.held.lib
	var md uintptr
	switch hash {
	case crypto.SHA256:
		md = l.sha256
	case crypto.SHA384:
		md, mode = l.sha384, mode+1
	case crypto.SHA512:
		md, mode = l.sha512, mode+2
	default:
		return nil, fmt.Errorf("libcrypto signer: unsupported hash %v", hash)
	}
	if len(digest) != hash.Size() {
		return nil, errors.New("libcrypto signer: digest has the wrong length")
	}
	defer runtime.KeepAlive(s) // the cleanup must not run while a context is out
	var ctx uintptr
	select {
	case ctx = <-s.held.idle[mode]:
	default:
		if ctx = s.held.newContext(padding, md); ctx == 0 {
			return nil, fmt.Errorf("prepare RSA signature: %w", errLibcrypto)
		}
	}
	sig := make([]byte, s.public.Size())
	n := uintptr(len(sig))
	ok, _, _ := purego.SyscallN(l.sign, ctx, uintptr(unsafe.Pointer(&sig[0])), uintptr(unsafe.Pointer(&n)),
		uintptr(unsafe.Pointer(&digest[0])), uintptr(len(digest)))
	if int32(ok) != 1 || n != uintptr(len(sig)) {
		purego.SyscallN(l.ctxFree, ctx)
		purego.SyscallN(l.clearError)
		return nil, fmt.Errorf("RSA signature: %w", errLibcrypto)
	}
	select {
	case s.held.idle[mode] <- ctx:
	default:
		purego.SyscallN(l.ctxFree, ctx)
	}
	return sig, nil
}

// newContext prepares a context that can sign many times; 0 when it cannot.
func (h *heldKey) newContext(padding, mdFunc uintptr) uintptr {
	l := h.lib
	ctx, _, _ := purego.SyscallN(l.ctxNew, h.pkey, 0)
	if ctx == 0 {
		return 0
	}
	md, _, _ := purego.SyscallN(mdFunc)
	good := func(fn uintptr, args ...uintptr) bool {
		r, _, _ := purego.SyscallN(fn, args...)
		return int32(r) > 0
	}
	saltlen := rsaPSSSaltlenDigest
	if good(l.signInit, ctx) && good(l.setPadding, ctx, padding) && good(l.setMD, ctx, md) &&
		(padding != rsaPKCS1PSSPadding || good(l.setSaltlen, ctx, uintptr(saltlen))) {
		return ctx
	}
	purego.SyscallN(l.ctxFree, ctx)
	purego.SyscallN(l.clearError)
	return 0
}
