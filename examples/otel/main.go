// Otel turns events into OpenTelemetry metrics and traces. The library knows
// nothing of it: Service.Subscribe is all that is used. This program prints what
// it measures; a real one gives other exporters to the same providers.
//
//	JWT_SECRET_KEY=$(openssl rand -base64 32) go run ./examples/otel
package main

import (
	"context"
	"errors"
	"log"
	"net/http"
	"os"
	"os/signal"

	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/aegis-auth/aegis/auth"
	"github.com/aegis-auth/aegis/store/memstore"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	metrics, err := stdoutmetric.New()
	if err != nil {
		log.Fatal(err)
	}
	spans, err := stdouttrace.New()
	if err != nil {
		log.Fatal(err)
	}
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(metrics)))
	traces := sdktrace.NewTracerProvider(sdktrace.WithBatcher(spans))

	svc, err := auth.New(auth.Config{
		Store:   memstore.New(),
		Secret:  []byte(os.Getenv("JWT_SECRET_KEY")),
		BaseURL: "http://localhost:8000/auth",
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := observe(svc, meters); err != nil {
		log.Fatal(err)
	}
	server := &http.Server{Addr: "localhost:8000", Handler: traced(svc.Mux(), traces)}
	finished := make(chan error)
	go func() {
		<-ctx.Done()
		finished <- server.Shutdown(context.Background())
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
	<-finished
	meters.Shutdown(context.Background())
	traces.Shutdown(context.Background())
}
