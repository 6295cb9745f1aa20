package ui_test

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestContrast: WCAG 2.2 AA in both schemes: 4.5 for text (1.4.3), 3 for the
// edges of inputs, focus rings and drawings (1.4.11).
func TestContrast(t *testing.T) {
	t.Parallel()
	const words, shapes = 4.5, 3
	light, dark := schemes(t)
	for scheme, colour := range map[string]map[string]string{"light": light, "dark": dark} {
		for _, pair := range []struct {
			front, back string
			least       float64
		}{
			{"text", "card", words}, {"text", "page", words}, {"text", "input", words},
			{"muted", "card", words}, {"muted", "page", words},
			{"link", "card", words}, {"link", "page", words},
			{"button-text", "button", words}, {"button-text", "button-hover", words},
			{"error", "card", words}, {"error", "error-back", words},
			{"notice", "notice-back", words},
			{"input-edge", "card", shapes}, {"input-edge", "input", shapes}, {"error", "input", shapes},
			{"button", "card", shapes}, {"button-hover", "card", shapes},
			{"focus", "card", shapes}, {"focus", "page", shapes},
			{"done", "card", shapes},
		} {
			front, back := colour[pair.front], colour[pair.back]
			if front == "" || back == "" {
				t.Errorf("%s: --%s or --%s is not set", scheme, pair.front, pair.back)
				continue
			}
			if got := contrast(t, front, back); got < pair.least {
				t.Errorf("%s: --%s on --%s = %.2f, want at least %.1f", scheme, pair.front, pair.back, got, pair.least)
			}
		}
	}
}

// TestStyle_ColoursAreNamed: a colour outside of :root would escape TestContrast.
func TestStyle_ColoursAreNamed(t *testing.T) {
	t.Parallel()
	css := style(t)
	rules, _, _ := strings.Cut(css[strings.Index(css, "*, *::before"):], "@media print")
	if found := regexp.MustCompile(`#[0-9a-fA-F]{3,8}\b|hsl|url\(|@import|@font-face`).FindAllString(rules, -1); len(found) > 0 {
		t.Errorf("style.css has %q outside of its list of colours", found)
	}
	light, dark := schemes(t)
	for name := range light {
		if dark[name] == "" {
			t.Errorf("--%s has no dark value", name)
		}
		if !strings.Contains(rules, "var(--"+name+")") {
			t.Errorf("--%s is not used", name)
		}
	}
}

func style(t *testing.T) string {
	t.Helper()
	raw, err := os.ReadFile("static/style.css")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func schemes(t *testing.T) (light, dark map[string]string) {
	t.Helper()
	blocks := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(style(t), -1)
	if len(blocks) != 2 {
		t.Fatalf("%d :root blocks, want light and dark", len(blocks))
	}
	read := func(block string) map[string]string {
		out := map[string]string{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): (#[0-9a-f]{6});`).FindAllStringSubmatch(block, -1) {
			out[m[1]] = m[2]
		}
		return out
	}
	return read(blocks[0][1]), read(blocks[1][1])
}

// contrast is the ratio of WCAG 2.2 between two colours #rrggbb.
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	var sum float64
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

// TestContrast_Formula: the ends of the scale, and a published value.
func TestContrast_Formula(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want float64
	}{{"#000000", "#ffffff", 21}, {"#ffffff", "#ffffff", 1}, {"#767676", "#ffffff", 4.54}} {
		if got := contrast(t, tt.a, tt.b); math.Abs(got-tt.want) > 0.01 {
			t.Errorf("contrast(%s, %s) = %.3f, want %.2f", tt.a, tt.b, got, tt.want)
		}
	}
}
