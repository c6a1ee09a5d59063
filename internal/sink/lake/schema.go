package lake

import (
	"sort"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"

	"weir/internal/record"
)

// The columns that only this package knows: how many chunks the messages make.
const (
	requestChunks  = "_request_chunks"
	responseChunks = "_response_chunks"
)

// column is one stored column with what each side needs of it.
type column struct {
	name     string
	typ      record.Type
	optional bool // null when empty
	bulk     bool // long or unique text: no dictionary, no bounds
	get      func(*record.Row) any
}

// bulkColumns are text that doesn't repeat.
var bulkColumns = map[string]bool{
	"CorrelationId": true, "RequestBody": true, "RequestMessages": true, "Prompt": true,
	"ResponseBody": true, "ResponseMessages": true, "Completion": true,
	"BackendRequestBody": true, "BackendResponseBody": true, "TraceParent": true,
	"RequestId": true, "ClientRequestId": true, "_json_id": true, "_json_usage": true,
	"Usage": true, "ResponseHeaders": true, "BackendResponseHeaders": true,
	"BackendRequestHeaders": true, "RequestHeaders": true,
	"Files": true, "RequestPayload": true, "ResponsePayload": true, "ResourceId": true,
}

// unbounded are the bulk columns whose smallest and largest value help nobody;
// those of the ids do.
func (c *column) unbounded() bool {
	return c.bulk && c.name != "CorrelationId" || c.typ == record.Dynamic
}

// storedColumns derives the store's columns from the record's.
func storedColumns() []column {
	var cols []column
	for _, c := range record.Columns() {
		cols = append(cols, column{
			name: c.Name, typ: c.Type, bulk: bulkColumns[c.Name], get: c.Get,
			optional: c.Type == record.Dynamic || c.Hidden || c.Else != "",
		})
	}
	return append(cols,
		column{name: requestChunks, typ: record.Int, get: func(r *record.Row) any { return chunks(r.RequestMessages) }},
		column{name: responseChunks, typ: record.Int, get: func(r *record.Row) any { return chunks(r.ResponseMessages) }},
	)
}

func chunks(messages string) int32 {
	if len(messages) <= record.MessageChunk {
		return int32(min(len(messages), 1))
	}
	return int32((utf8.RuneCountInString(messages) + record.MessageChunk - 1) / record.MessageChunk)
}

// viewTypes are the types that queries see.
var viewTypes = map[record.Type]string{
	record.Bool: "BOOLEAN", record.Int: "INTEGER", record.Long: "BIGINT", record.Real: "DOUBLE",
	record.String: "VARCHAR", record.Datetime: "TIMESTAMP", record.Dynamic: "JSON",
}

// parquetNode is the column's type in a file. Timestamps are not marked as
// adjusted to UTC, though they are UTC: engines then read a plain timestamp,
// whose comparisons reach the file's statistics, and not one with a zone.
func (c *column) parquetNode() parquet.Node {
	var n parquet.Node
	switch c.typ {
	case record.Bool:
		n = parquet.Leaf(parquet.BooleanType)
	case record.Int:
		n = parquet.Leaf(parquet.Int32Type)
	case record.Long:
		n = parquet.Leaf(parquet.Int64Type)
	case record.Real:
		n = parquet.Leaf(parquet.DoubleType)
	case record.Datetime:
		n = parquet.TimestampAdjusted(parquet.Microsecond, false)
	case record.Dynamic:
		n = parquet.JSON()
	default:
		n = parquet.String()
	}
	if (c.typ == record.String || c.typ == record.Dynamic) && !c.bulk {
		n = parquet.Encoded(n, &parquet.RLEDictionary)
	}
	if c.optional {
		n = parquet.Optional(n)
	}
	return n
}

// group is a parquet group whose columns keep the table's order;
// parquet.Group sorts them by name.
type group struct {
	parquet.Group
	order map[string]int
}

func (g group) Fields() []parquet.Field {
	fields := g.Group.Fields()
	sort.Slice(fields, func(i, j int) bool { return g.order[fields[i].Name()] < g.order[fields[j].Name()] })
	return fields
}

func parquetSchema(cols []column) *parquet.Schema {
	g := group{parquet.Group{}, map[string]int{}}
	for i, c := range cols {
		g.Group[c.name] = c.parquetNode()
		g.order[c.name] = i
	}
	return parquet.NewSchema("exchange", g)
}
