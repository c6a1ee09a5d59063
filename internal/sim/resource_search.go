package sim

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// searchModel makes the vectors that a search compares.
var searchModel = model{id: "simulated-search", dimensions: 256}

// hit is a passage that a search found.
type hit struct {
	file  *object // the file; of is where it stands in the vector store
	of    *object
	text  string
	score float64
}

// searchStore answers a search of a vector store: passages that share words with
// the query, the closest first.
func searchStore(c *call, r *route) (*reply, error) {
	if err := c.require("query"); err != nil {
		return nil, err
	}
	most, err := c.count("max_num_results", 1, 50, 10)
	if err != nil {
		return nil, err
	}
	filter, err := readFilter(c.raw("filters"))
	if err != nil {
		return nil, err
	}
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := c.find(c.kind(r.kind))
	if err != nil {
		return nil, err
	}
	queries := idsAt(c.raw("query"), "")
	hits := s.search(o.id, strings.Join(queries, " "), filter)
	data := []any{}
	for _, h := range hits[:min(len(hits), most)] {
		data = append(data, document{"file_id": h.file.id, "filename": h.file.doc.text("filename"), "score": h.score,
			"attributes": json.RawMessage(either(string(h.of.doc.raw("attributes")), "{}")),
			"content":    []document{{"type": "text", "text": h.text}}})
	}
	return jsonReply(document{"object": "vector_store.search_results.page", "search_query": queries, "data": data,
		"has_more": len(hits) > most, "next_page": nil}), nil
}

// search finds passages in the files of a vector store.
func (s *store) search(store, query string, keep func(attributes []field) bool) []hit {
	q := embed(&searchModel, query, searchModel.dimensions)
	var hits []hit
	for _, of := range s.list("vector_store.file", store) {
		file := s.get("file", "", of.id)
		if file == nil || of.status() == "cancelled" || !keep(membersOf(of.doc.raw("attributes"))) {
			continue
		}
		for _, p := range passages(file.blob) {
			v := embed(&searchModel, p, searchModel.dimensions)
			score := 0.0
			for i := range v {
				score += float64(v[i] * q[i])
			}
			score = float64(int(max(0, min(1, score))*10000)) / 10000
			hits = append(hits, hit{file: file, of: of, text: p, score: score})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return cmp.Compare(b.score, a.score) })
	return hits
}

// attributeFilter is a comparison, or several joined by and or or.
type attributeFilter struct {
	Type    string            `json:"type"`
	Key     string            `json:"key"`
	Value   json.RawMessage   `json:"value"`
	Filters []attributeFilter `json:"filters"`
}

// readFilter makes a filter of the argument; none keeps everything.
func readFilter(raw []byte) (func([]field) bool, error) {
	if raw == nil {
		return func([]field) bool { return true }, nil
	}
	var f attributeFilter
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, wrongType("filters", err)
	}
	if err := f.check(0); err != nil {
		return nil, err
	}
	return f.keeps, nil
}

func (f *attributeFilter) check(depth int) error {
	if !slices.Contains([]string{"eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "and", "or"}, f.Type) || depth > maxDepth {
		return errInvalid("filters.type", "invalid_value", "Invalid value for 'filters.type'. Supported values are: 'eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in', 'nin', 'and', and 'or'.")
	}
	if f.Type != "and" && f.Type != "or" && len(f.Value) == 0 {
		return errInvalid("filters.value", "missing_required_parameter", "Missing required parameter: 'filters.value'.")
	}
	for i := range f.Filters {
		if err := f.Filters[i].check(depth + 1); err != nil {
			return err
		}
	}
	return nil
}

func (f *attributeFilter) keeps(attributes []field) bool {
	switch f.Type {
	case "and":
		return !slices.ContainsFunc(f.Filters, func(g attributeFilter) bool { return !g.keeps(attributes) })
	case "or":
		return slices.ContainsFunc(f.Filters, func(g attributeFilter) bool { return g.keeps(attributes) })
	}
	i := slices.IndexFunc(attributes, func(a field) bool { return a.name == f.Key })
	if i < 0 {
		return f.Type == "ne" || f.Type == "nin"
	}
	have := attributes[i].raw
	list, ok := elements(f.Value)
	if !ok {
		list = [][]byte{f.Value}
	}
	in := slices.ContainsFunc(list, func(v []byte) bool { return compareValues(have, v) == 0 })
	switch f.Type {
	case "eq", "in":
		return in
	case "ne", "nin":
		return !in
	}
	n := compareValues(have, f.Value)
	return n < 0 && strings.HasPrefix(f.Type, "lt") || n > 0 && strings.HasPrefix(f.Type, "gt") ||
		n == 0 && strings.HasSuffix(f.Type, "te")
}

// compareValues orders two JSON values: numbers by size, others by their text.
func compareValues(a, b []byte) int {
	x, errX := strconv.ParseFloat(string(a), 64)
	y, errY := strconv.ParseFloat(string(b), 64)
	if errX == nil && errY == nil {
		return cmp.Compare(x, y)
	}
	return cmp.Compare(string(a), string(b))
}
