package auth

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkFailuresApart tells how well a stopwatch tells the ways apart in
// which a password can be wrong: the widest gap between the medians of two
// classes, and the area under the curve of the best guess from one sample (0.5
// is a coin). "go test -bench FailuresApart -benchtime 400x" takes 400 samples of
// each class, in random order.
func BenchmarkFailuresApart(b *testing.B) {
	const cost = 10
	p := testPasswords(b, InsecureBcrypt(cost))
	long := strings.Repeat("secure123", 9)
	classes := []struct{ name, stored, attempt string }{
		{"unknown user", "", "wrong password"},
		{"wrong password", hashOf(b, cost, "secure123"), "wrong password"},
		{"imported with cost 4", hashOf(b, 4, "secure123"), "wrong password"},
		{"long one stored", hashOf(b, cost, long), "wrong password"},
		{"long one given", hashOf(b, cost, "secure123"), long},
		{"too long", hashOf(b, cost, "secure123"), strings.Repeat(long, 20)},
	}
	samples := make([][]time.Duration, len(classes))
	rng := rand.New(rand.NewPCG(1, 2))
	for b.Loop() {
		for _, i := range rng.Perm(len(classes)) {
			begin := time.Now()
			if ok, _, err := p.verify(b.Context(), classes[i].stored, classes[i].attempt); ok || err != nil {
				b.Fatalf("verify(%s) = %v, %v", classes[i].name, ok, err)
			}
			samples[i] = append(samples[i], time.Since(begin))
		}
	}
	var gap, best float64
	for i := range samples {
		slices.Sort(samples[i])
	}
	for i := range samples {
		for j := range i {
			one, two := median(samples[i]), median(samples[j])
			gap = max(gap, 100*(one-two)/two, 100*(two-one)/one)
			a := auc(samples[i], samples[j])
			best = max(best, a, 1-a)
		}
	}
	b.ReportMetric(gap, "%gap")
	b.ReportMetric(best, "auc")
}

func median(sorted []time.Duration) float64 { return float64(sorted[len(sorted)/2]) }

// auc is the chance that a sample of one is greater than a sample of two.
func auc(one, two []time.Duration) float64 {
	wins := 0.0
	for _, x := range one {
		less, _ := slices.BinarySearch(two, x)
		upTo, _ := slices.BinarySearch(two, x+1)
		wins += float64(less) + float64(upTo-less)/2
	}
	return wins / float64(len(one)*len(two))
}
