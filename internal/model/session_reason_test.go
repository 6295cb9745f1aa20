package model_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/latchkey-id/latchkey/internal/model"
)

func TestReasonText_OfEveryReasonThatIsStored(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("session.go")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^\t(EndedBy\w+) += "(\w+)"`).FindAllStringSubmatch(string(source), -1)
	if len(found) < 10 {
		t.Fatalf("only %d reasons found", len(found))
	}
	for _, x := range found {
		if model.ReasonText(x[2]) == "" && x[2] != model.EndedByUserDeletion {
			t.Errorf("%s has no text", x[1])
		}
	}
}
