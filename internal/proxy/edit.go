package proxy

import (
	"encoding/json"

	"weir/internal/catalog"
	"weir/internal/record"
	"weir/internal/upstream"
)

const includeUsage = `"include_usage":true`

// edits appends to dst what must change in a body on its way to a backend: the
// model's name, and, where usage is to be had and was not asked for,
// stream_options.include_usage. usage says whether that was added.
func edits(dst []record.Edit, data []byte, b *catalog.Body, p *upstream.Plan, op *catalog.Operation) (_ []record.Edit, usage bool) {
	insert := ""
	if p.Model != "" {
		if name, ok := b.ModelName(data); !ok || name != p.Model {
			quoted := quote(p.Model)
			if b.Model.Found() {
				dst = append(dst, record.Edit{Offset: b.Model.Start, Old: b.Model.End - b.Model.Start, New: quoted})
			} else {
				insert = `"model":` + quoted
			}
		}
	}
	if op.Usage && b.Stream && !b.AsksUsage && p.Usage && catalog.SupportsStreamOptions(p.Version) {
		usage = true
		switch {
		case b.IncludeUsage.Found():
			dst = append(dst, record.Edit{Offset: b.IncludeUsage.Start, Old: b.IncludeUsage.End - b.IncludeUsage.Start, New: "true"})
		case b.OptionsOpen > 0:
			dst = append(dst, record.Edit{Offset: b.OptionsOpen, New: member(includeUsage, b.OptionsEmpty)})
		case b.StreamOptions.Found() && data[b.StreamOptions.Start] == 'n':
			dst = append(dst, record.Edit{Offset: b.StreamOptions.Start, Old: b.StreamOptions.End - b.StreamOptions.Start, New: "{" + includeUsage + "}"})
		case b.StreamOptions.Found():
			usage = false // neither an object nor null: the backend says what is wrong
		default:
			options := `"stream_options":{` + includeUsage + `}`
			if insert != "" {
				options = "," + options
			}
			insert += options
		}
	}
	if insert != "" {
		dst = append(dst, record.Edit{Offset: b.Open, New: member(insert, b.Empty)})
	}
	for i := len(dst) - 1; i > 0 && dst[i].Offset < dst[i-1].Offset; i-- {
		dst[i], dst[i-1] = dst[i-1], dst[i]
	}
	return dst, usage
}

// member is a member to insert behind an opening brace.
func member(text string, only bool) string {
	if only {
		return text
	}
	return text + ","
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return `""` // a string always has a JSON form
	}
	return string(b)
}
