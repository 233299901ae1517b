package main

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/auth/authtest"
)

func TestEventsAreCountedAndTraced(t *testing.T) {
	t.Parallel()
	reader, recorder := sdkmetric.NewManualReader(), tracetest.NewSpanRecorder()
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	traces := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	env := authtest.New(t)
	if err := observe(env.Service, meters); err != nil {
		t.Fatal(err)
	}
	h := traced(env.Mux(), traces)
	u := env.User(t, auth.RoleUser)
	for _, password := range []string{"wrong", "wrong", authtest.Password} {
		form := url.Values{"username": {u.Email}, "password": {password}}
		r := httptest.NewRequest(http.MethodPost, "/auth/token", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		h.ServeHTTP(httptest.NewRecorder(), r)
	}

	var data metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &data); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int64{}
	for _, s := range data.ScopeMetrics {
		for _, m := range s.Metrics {
			for _, point := range m.Data.(metricdata.Sum[int64]).DataPoints {
				kind, _ := point.Attributes.Value("kind")
				counts[kind.AsString()] = point.Value
			}
		}
	}
	if counts[string(auth.SignInFailed)] != 2 || counts[string(auth.SignedIn)] != 1 {
		t.Errorf("events counted = %v, want two failed sign-ins and one that succeeded", counts)
	}

	spans := recorder.Ended()
	if len(spans) != 3 || spans[2].Name() != "POST /auth/token" {
		t.Fatalf("spans = %v, want three of POST /auth/token", spans)
	}
	found := false
	for _, e := range spans[2].Events() {
		for _, a := range e.Attributes {
			found = found || e.Name == string(auth.SignedIn) && a.Key == "user_id" && a.Value.AsString() == u.ID
		}
	}
	if !found {
		t.Errorf("the span of the sign-in has the events %v, want auth.login_success of %s", spans[2].Events(), u.ID)
	}
}
