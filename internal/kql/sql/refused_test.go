package sql

import (
	"encoding/json"
	"os"
	"testing"
)

// refusedFloor is how many of the queries that Kusto refuses were refused when this
// was last raised.
const refusedFloor = 74

// TestRefused runs the queries that Kusto refuses; what is accepted is listed.
func TestRefused(t *testing.T) {
	b, err := os.ReadFile("../../../../shared/kql/refused.json")
	if err != nil {
		t.Skipf("the corpus is not beside this checkout: %v", err)
	}
	var list []struct{ Query, Why string }
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	refused := 0
	for _, c := range list {
		if _, err := translate(c.Query, noTables{}); err != nil {
			refused++
			continue
		}
		t.Logf("accepted: %s\n%s", c.Query, c.Why)
	}
	t.Logf("%d of %d are refused", refused, len(list))
	if refused < refusedFloor {
		t.Errorf("%d are refused, want at least %d", refused, refusedFloor)
	}
}
