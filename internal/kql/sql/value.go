package sql

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strings"

	"weir/internal/kql"
	"weir/internal/kql/plan"
)

// Value makes of a value that the driver scanned from a result column of type t the
// value that goes over the wire, ready for encoding/json: numbers and bools as they
// are, a real that JSON lacks as "NaN", "Infinity" or "-Infinity", decimal as a string
// without trailing zeros, datetime as ISO 8601 with 7 decimals and Z, timespan as
// [-][d.]hh:mm:ss[.fffffff], dynamic as json.RawMessage; null is nil, but "" for a string.
func Value(t plan.Type, v any) (any, error) {
	if v == nil {
		if t == plan.String {
			return "", nil
		}
		return nil, nil
	}
	switch t {
	case plan.Real:
		return realValue(v)
	case plan.Datetime, plan.Timespan:
		n, err := whole(v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t, err)
		}
		if t == plan.Datetime {
			return kql.FormatDatetime(n), nil
		}
		return kql.FormatTimespan(n), nil
	case plan.Int, plan.Long:
		n, err := whole(v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t, err)
		}
		return n, nil
	case plan.Decimal:
		return decimalText(fmt.Sprint(v)), nil
	case plan.Dynamic:
		s, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("dynamic: the driver gave %T", v)
		}
		if s == "null" {
			return nil, nil
		}
		return json.RawMessage(s), nil
	case plan.Bool:
		if b, ok := v.(bool); ok {
			return b, nil
		}
	case plan.String, plan.GUID:
		switch s := v.(type) {
		case string:
			return s, nil
		case []byte:
			return string(s), nil
		}
	}
	return nil, fmt.Errorf("%s: the driver gave %T", t, v)
}

func realValue(v any) (any, error) {
	f, ok := v.(float64)
	switch {
	case !ok:
		return nil, fmt.Errorf("real: the driver gave %T", v)
	case math.IsNaN(f):
		return "NaN", nil
	case math.IsInf(f, 1):
		return "Infinity", nil
	case math.IsInf(f, -1):
		return "-Infinity", nil
	}
	return f, nil
}

func whole(v any) (int64, error) {
	switch n := v.(type) {
	case int64:
		return n, nil
	case int32:
		return int64(n), nil
	case int16:
		return int64(n), nil
	case int8:
		return int64(n), nil
	case uint32:
		return int64(n), nil
	case *big.Int:
		if n.IsInt64() {
			return n.Int64(), nil
		}
	}
	return 0, fmt.Errorf("the driver gave %T", v)
}

// decimalText strips the zeros that a fixed scale adds.
func decimalText(s string) string {
	if strings.Contains(s, ".") {
		s = strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
	}
	return s
}
