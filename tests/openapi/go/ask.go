// Asks with the client that openapi-generator made.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"

	"ask/client"
)

func main() {
	configuration := client.NewConfiguration()
	configuration.Servers = client.ServerConfigurations{{URL: os.Getenv("URL")}}
	configuration.AddDefaultHeader("x-api-key", "k")
	api := client.NewAPIClient(configuration).DefaultAPI
	var application client.Application
	if err := json.Unmarshal([]byte(os.Getenv("APPLICATION")), &application); err != nil {
		log.Fatal(err)
	}
	decision, _, err := api.Predict(context.Background()).Application(application).Execute()
	if err != nil {
		log.Fatal(err)
	}
	adjustments := [][]any{}
	for _, one := range decision.Adjustments {
		adjustments = append(adjustments, []any{one.Feature, one.Kind, one.To})
	}
	batch, _, err := api.PredictBatch(context.Background()).Application([]client.Application{application}).Execute()
	if err != nil {
		log.Fatal(err)
	}
	printed, err := json.Marshal([]any{decision.Probability, adjustments, batch[0].Decision.Probability})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(printed))
}
