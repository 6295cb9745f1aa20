package token

import (
	"crypto/rand"
	"testing"
)

func benchmarkSign(b *testing.B, mode SignerMode, alg string) {
	if _, err := ProbeSigner(mode); err != nil {
		b.Skip(err)
	}
	r := goldenRing(b, mode)
	payload, _, err := r.Verify(goldenTokens(b)["RS256"].Access)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Sign(alg, payload); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSignRS256Go(b *testing.B)        { benchmarkSign(b, SignerGo, "RS256") }
func BenchmarkSignRS256Libcrypto(b *testing.B) { benchmarkSign(b, SignerLibcrypto, "RS256") }
func BenchmarkSignPS256Go(b *testing.B)        { benchmarkSign(b, SignerGo, "PS256") }
func BenchmarkSignPS256Libcrypto(b *testing.B) { benchmarkSign(b, SignerLibcrypto, "PS256") }
func BenchmarkSignES256(b *testing.B)          { benchmarkSign(b, SignerGo, "ES256") }
func BenchmarkSignEdDSA(b *testing.B)          { benchmarkSign(b, SignerGo, "EdDSA") }
func BenchmarkSignHS512(b *testing.B)          { benchmarkSign(b, SignerGo, "HS512") }

func BenchmarkSignRS256LibcryptoParallel(b *testing.B) {
	if _, err := ProbeSigner(SignerLibcrypto); err != nil {
		b.Skip(err)
	}
	r := goldenRing(b, SignerLibcrypto)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := r.Sign("RS256", []byte(`{}`)); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkParseRefresh(b *testing.B) {
	r := goldenRing(b, SignerGo)
	tok := goldenTokens(b)["RS256"].Refresh
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.ParseRefresh(tok); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendRefresh(b *testing.B) {
	r := goldenRing(b, SignerGo)
	c, err := r.ParseRefresh(goldenTokens(b)["RS256"].Refresh)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var buf []byte
	for b.Loop() {
		buf = c.AppendJSON(buf[:0])
	}
}

func BenchmarkNewJTI(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		NewJTI(rand.Reader)
	}
}

func BenchmarkNewKeyring(b *testing.B) {
	cs := goldenComponents(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := NewKeyring(cs, SignerAuto); err != nil {
			b.Fatal(err)
		}
	}
}
