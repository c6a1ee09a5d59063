package lake

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"weir/internal/record"
)

// wide is the view of all stored columns over all rows.
const wide = "lake.exchanges"

// derived is how a file shows a column that came after it, where its other
// columns tell the value.
var derived = map[string]string{
	"IsModelCall": `"DeploymentName" <> '' AND NOT starts_with("OperationId", 'models_')`,
	"IsWebSocket": "false",
}

// headerOnly are the columns of a PerMessage table that only the header row
// has; queries find it by them (DeploymentName != ”).
var headerOnly = map[string]bool{
	"DeploymentName": true, "ModelName": true,
	"PromptTokens": true, "CompletionTokens": true, "TotalTokens": true,
}

func ident(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

func quote(s string) string { return `'` + strings.ReplaceAll(s, `'`, `''`) + `'` }

// wideView is the SQL that makes the view of all rows: the fresh ones and those
// of the files. Files are grouped by the columns that they have, since the
// engine takes the first file's columns for all.
func wideView(cols []column, dir string, version uint64, files fileSet) string {
	parts := []string{fmt.Sprintf("SELECT %s FROM %s(%d::UBIGINT)", strings.Join(freshColumns(cols), ", "), freshFunction, version)}
	shapes := map[string][]*file{}
	for _, f := range files {
		key := strings.Join(slices.Sorted(maps.Keys(f.columns)), "\x00")
		shapes[key] = append(shapes[key], f)
	}
	for _, key := range slices.Sorted(maps.Keys(shapes)) {
		var names []string
		for _, f := range shapes[key] {
			names = append(names, quote(filepath.Join(dir, f.name)))
		}
		parts = append(parts, "SELECT "+strings.Join(fileColumns(cols, shapes[key][0]), ", ")+
			" FROM read_parquet(["+strings.Join(names, ", ")+"])")
	}
	return "CREATE OR REPLACE VIEW " + wide + " AS " + strings.Join(parts, " UNION ALL ")
}

func freshColumns(cols []column) []string {
	var out []string
	for _, c := range cols {
		name := ident(c.name)
		if c.typ == record.Dynamic {
			name = fmt.Sprintf("CAST(%s AS JSON) AS %s", name, name)
		}
		out = append(out, name)
	}
	return out
}

func fileColumns(cols []column, f *file) []string {
	var out []string
	for _, c := range cols {
		name := ident(c.name)
		switch {
		case f.columns[c.name]:
			out = append(out, name)
		case derived[c.name] != "":
			out = append(out, derived[c.name]+" AS "+name)
		case c.typ == record.String && !c.optional:
			out = append(out, "'' AS "+name)
		default:
			out = append(out, fmt.Sprintf("CAST(NULL AS %s) AS %s", viewTypes[c.typ], name))
		}
	}
	return out
}

// tableView is the SQL of the view that shows one of the record's tables.
func tableView(t record.Table, labels []string) string {
	var sql string
	switch {
	case t.PerMessage:
		sql = messageView(t)
	case t.PerEvent:
		sql = eventView(t)
	default:
		sql = "SELECT " + strings.Join(rowColumns(t, labels), ", ") + " FROM " + wide
	}
	return "CREATE OR REPLACE VIEW " + ident(t.Name) + " AS " + sql
}

// rowColumns are the columns of a table with one row an exchange. The hidden
// ones come along, since queries are rewritten to them.
func rowColumns(t record.Table, labels []string) []string {
	var out []string
	for _, c := range t.Columns {
		out = append(out, shown(c)+" AS "+ident(c.Name))
	}
	if t.Name == exchangesTable {
		for _, l := range labels {
			out = append(out, fmt.Sprintf("coalesce(json_extract_string(\"Labels\", %s), '') AS %s", quote(jsonPath(l)), ident(l)))
		}
	}
	for _, c := range record.Columns() {
		if c.Hidden {
			out = append(out, ident(c.Name))
		}
	}
	return out
}

// exchangesTable is the one table that the config's labels extend.
const exchangesTable = "WeirExchanges"

// jsonPath names a member of an object in the engine's JSON path language.
func jsonPath(key string) string {
	return `$."` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key) + `"`
}

// shown is the expression of a table's column over the stored ones.
func shown(c record.TableColumn) string {
	if c.From == "" {
		return constant(c)
	}
	stored := storedColumn(c.From)
	expr := ident(stored.Name)
	if stored.Else != "" {
		expr = fmt.Sprintf("coalesce(%s, %s)", expr, ident(stored.Else))
	}
	return convert(expr, stored.Type, c.Type)
}

func storedColumn(name string) record.Column {
	for _, c := range record.Columns() {
		if c.Name == name {
			return c
		}
	}
	return record.Column{Name: name, Type: record.String}
}

// convert gives an expression of one type as another.
func convert(expr string, from, to record.Type) string {
	switch {
	case from == to:
		return expr
	case from == record.Long && to == record.Int: // sizes: Azure's column is narrower
		return fmt.Sprintf("CAST(least(greatest(%s, -2147483648), 2147483647) AS INTEGER)", expr)
	case from == record.Int && to == record.Bool: // a status: was it a success?
		return fmt.Sprintf("(%s BETWEEN 200 AND 399 OR %s = 101)", expr, expr)
	default:
		return fmt.Sprintf("CAST(%s AS %s)", expr, viewTypes[to])
	}
}

func constant(c record.TableColumn) string {
	switch {
	case c.Type == record.String:
		return quote(c.Const)
	case c.Const != "":
		return fmt.Sprintf("CAST(%s AS %s)", quote(c.Const), viewTypes[c.Type])
	default:
		return null(c.Type)
	}
}

func null(t record.Type) string { return "CAST(NULL AS " + viewTypes[t] + ")" }

// messageView is a header row for each exchange, then a row for each chunk of
// its messages. The three parts are apart, so that a query for header rows
// (DeploymentName != ”) drops the other two before it reads anything.
func messageView(t record.Table) string {
	const which = `"IsModelCall"`
	part := func(header bool, messages, from string) string {
		var out []string
		for _, c := range t.Columns {
			out = append(out, messageColumn(c, header, messages)+" AS "+ident(c.Name))
		}
		return "SELECT " + strings.Join(out, ", ") + " FROM " + from
	}
	chunked := func(count, first string) string {
		return fmt.Sprintf(`(SELECT *, unnest(range(1, %s + 1)) AS _chunk, %s AS _before FROM %s WHERE %s AND %s > 0)`,
			count, first, wide, which, count)
	}
	return strings.Join([]string{
		part(true, "", wide+" WHERE "+which),
		part(false, "RequestMessages", chunked(requestChunks, "0")),
		part(false, "ResponseMessages", chunked(responseChunks, requestChunks)),
	}, " UNION ALL ")
}

func messageColumn(c record.TableColumn, header bool, messages string) string {
	switch {
	case c.Name == "SequenceNumber" && header:
		return "CAST(0 AS INTEGER)"
	case c.Name == "SequenceNumber":
		return "CAST(_before + _chunk AS INTEGER)"
	case c.Name == "RequestMessages" || c.Name == "ResponseMessages":
		if c.Name == messages {
			return chunk(c.Name)
		}
		return null(c.Type)
	case !header && headerOnly[c.Name]:
		return constant(record.TableColumn{Type: c.Type})
	default:
		return shown(c)
	}
}

// chunk is a piece of a message column: the JSON itself when it is whole, else
// a JSON string of its characters.
func chunk(name string) string {
	count := requestChunks
	if name == "ResponseMessages" {
		count = responseChunks
	}
	return fmt.Sprintf(`CASE WHEN %s = 1 THEN %s ELSE to_json(substr(CAST(%s AS VARCHAR), (_chunk - 1) * %d + 1, %d)) END`,
		count, ident(name), ident(name), record.MessageChunk, record.MessageChunk)
}

// socketEvents are the rows of a PerEvent table: of which WebSockets, when, and
// what the error was.
var socketEvents = []struct{ name, which, after, fault string }{
	{record.SocketOpened, socketOpen, "0", "''"},
	{record.SocketFailed, `"Outcome" IN ('refused', 'failed', 'interrupted') OR "LastErrorMessage" <> ''`,
		`CASE WHEN "LastErrorElapsed" > 0 THEN "LastErrorElapsed" ELSE "TotalTime" END`,
		`CASE WHEN "LastErrorMessage" <> '' THEN "LastErrorMessage" ELSE "Outcome" END`},
	{record.SocketClosed, socketOpen, `"TotalTime"`, "''"},
}

// socketOpen holds where the connection was upgraded. A gateway that was killed
// has left no status.
const socketOpen = `"ResponseCode" = 101 OR "ResponseCode" = 0 AND "Outcome" = 'interrupted'`

// eventView is a row for each event of a WebSocket's connection.
func eventView(t record.Table) string {
	var parts []string
	for _, e := range socketEvents {
		var out []string
		for _, c := range t.Columns {
			expr := shown(c)
			switch c.Name {
			case "EventName":
				expr = quote(e.name)
			case "Error":
				expr = e.fault
			case "TimeGenerated":
				expr += " + to_milliseconds(" + e.after + ")"
			}
			out = append(out, expr+" AS "+ident(c.Name))
		}
		parts = append(parts, fmt.Sprintf(`SELECT %s FROM %s WHERE "IsWebSocket" AND (%s)`, strings.Join(out, ", "), wide, e.which))
	}
	return strings.Join(parts, " UNION ALL ")
}
