package catalog

// classicVersions lists the api-versions of Azure OpenAI's classic inference
// surface (Azure OpenAI API version lifecycle; the specification's folders).
var classicVersions = map[string]bool{
	"2022-03-01-preview": true, "2022-06-01-preview": true, "2022-12-01": true,
	"2023-03-15-preview": true, "2023-05-15": true, "2023-06-01-preview": true,
	"2023-07-01-preview": true, "2023-08-01-preview": true, "2023-09-01-preview": true,
	"2023-10-01-preview": true, "2023-12-01-preview": true,
	"2024-02-01": true, "2024-02-15-preview": true, "2024-03-01-preview": true,
	"2024-04-01-preview": true, "2024-05-01-preview": true, "2024-06-01": true,
	"2024-07-01-preview": true, "2024-08-01-preview": true, "2024-09-01-preview": true,
	"2024-10-01-preview": true, "2024-10-21": true, "2024-12-01-preview": true,
	"2025-01-01-preview": true, "2025-02-01-preview": true, "2025-03-01-preview": true,
	"2025-04-01-preview": true,
}

// KnownVersion says whether surface s takes the api-version v; "" is none.
// The classic surface needs one; v1 may have v1, preview or latest; model
// inference and Resource Manager need one, which is the service's to judge;
// OpenAI's own has none, and one that is sent is not looked at.
func KnownVersion(s Surface, v string) bool {
	switch s {
	case Azure:
		return classicVersions[v]
	case AzureV1:
		return v == "" || v == "v1" || v == "preview" || v == "latest"
	case Inference, ARM:
		return v != ""
	}
	return true
}

// SupportsStreamOptions says whether stream_options.include_usage may be sent
// with the api-version v: from 2024-09-01-preview on (so in GA 2024-10-21), and
// on the surfaces without a dated version always. Earlier versions refuse
// fields that they do not know.
func SupportsStreamOptions(v string) bool {
	if len(v) < len("2024-09-01") || v[0] != '2' {
		return true
	}
	return v[:len("2024-09-01")] >= "2024-09-01"
}
