package main

import (
	"context"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/aegis-auth/aegis/auth"
)

const scope = "github.com/aegis-auth/aegis/examples/otel"

// observe counts every event of svc by its kind, and writes it into the span of
// the request that caused it. Call it before serving.
func observe(svc *auth.Service, meters metric.MeterProvider) error {
	events, err := meters.Meter(scope).Int64Counter("aegis.events",
		metric.WithDescription("Sign-ins, refreshes, refusals and whatever else happened, by kind."), metric.WithUnit("{event}"))
	if err != nil {
		return err
	}
	svc.Subscribe(func(ctx context.Context, e auth.Event) {
		kind := attribute.String("kind", string(e.Kind))
		// Only the kind: a series for each user would be too many.
		events.Add(ctx, 1, metric.WithAttributes(kind))
		attrs := []attribute.KeyValue{}
		for _, a := range e.LogValue().Group() {
			attrs = append(attrs, attribute.String(a.Key, a.Value.String()))
		}
		span := trace.SpanFromContext(ctx)
		span.AddEvent(string(e.Kind), trace.WithTimestamp(e.Time), trace.WithAttributes(attrs...))
		if e.Kind == auth.RefreshReused {
			span.SetStatus(codes.Error, "a stolen session was ended")
		}
	})
	return nil
}

// traced begins a span for each request, named by the pattern of its route, so
// that no path with a token or an ID becomes a name.
func traced(mux *http.ServeMux, traces trace.TracerProvider) http.Handler {
	tracer := traces.Tracer(scope)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, route := mux.Handler(r)
		ctx, span := tracer.Start(r.Context(), route, trace.WithSpanKind(trace.SpanKindServer),
			trace.WithAttributes(attribute.String("http.route", route), attribute.String("http.request.method", r.Method)))
		defer span.End()
		mux.ServeHTTP(w, r.WithContext(ctx))
	})
}
