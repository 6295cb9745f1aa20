package fetch

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mavenPlugin takes artifacts out of a repository.
const mavenPlugin = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:"

// Jars is the folder of the jars that the project pom depends on, and what they
// depend on: exactly the files of sums, whose lines are as sha256sum writes them.
func Jars(t testing.TB, pom, sums string) string {
	t.Helper()
	return maven(t, "jars", []string{pom, sums}, sums, nil, "copy-dependencies", "-f", absolute(t, pom))
}

// Unpacked is a folder with the files of an artifact (group:name:version:type)
// that the patterns in include (Maven's, split by commas) match: exactly those of sums.
func Unpacked(t testing.TB, artifact, include, sums string) string {
	t.Helper()
	return maven(t, "unpacked", []string{sums}, sums, []string{artifact, include}, "unpack", "-Dartifact="+artifact, "-Dmdep.unpack.includes="+include)
}

func absolute(t testing.TB, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func maven(t testing.TB, name string, files []string, sums string, versions []string, goal string, args ...string) string {
	t.Helper()
	want, err := os.ReadFile(sums)
	if err != nil {
		t.Fatal(err)
	}
	return dir(t, name, files, append(versions, mavenPlugin), func(dir string) error {
		args := append([]string{"--batch-mode", "--quiet", "--strict-checksums", mavenPlugin + goal, "-DoutputDirectory=" + dir}, args...)
		if err := run(t.TempDir(), "mvn", args...); err != nil { // it leaves markers where it runs
			return err
		}
		return check(dir, string(want))
	})
}

// check compares the files below dir with lines of "sha256  path".
func check(dir, sums string) error {
	want := strings.Split(strings.TrimSpace(sums), "\n")
	var got []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		sum, err := fileSum(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		got = append(got, sum+"  "+filepath.ToSlash(name))
		return err
	})
	if err != nil {
		return err
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			return fmt.Errorf("%w: %s", errOther, line)
		}
	}
	if len(got) != len(want) {
		return fmt.Errorf("%w: %d of %d", errOther, len(got), len(want))
	}
	return nil
}

func fileSum(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}
