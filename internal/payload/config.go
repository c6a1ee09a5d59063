package payload

import (
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"weir/internal/fault"
)

// Config says how long a body may be to stand in the record's rows, and where
// longer ones go.
type Config struct {
	// InlineLimit is the length of a body, in bytes, up to which it stands in the
	// journal and in the store's rows; longer ones, and the files of multipart
	// requests, go to the payload store. Default 1048576.
	InlineLimit int64 `yaml:"inline_limit"`
	// URL is the payload store: azblob://CONTAINER, with the storage account in
	// key_id or ?storage_account=NAME; s3://BUCKET?region=REGION, with
	// endpoint=URL and use_path_style=true for stores that only speak S3's
	// protocol; or file:///FOLDER. Default is the folder payload of data.
	URL string `yaml:"url"`
	// KeyID is the Azure storage account's name, or S3's access key id. Without it
	// and key the environment's credentials are used, as Azure's and AWS's own
	// tools do: AZURE_STORAGE_… or a managed identity, AWS_… or the instance's role.
	KeyID string `yaml:"key_id"`
	// Key is the Azure storage account's key, or S3's secret access key.
	Key string `yaml:"key"`
	// SASToken is an Azure shared access signature, instead of key.
	SASToken string `yaml:"sas_token"`
}

// The bounds of InlineLimit. A frame of the journal takes 64 MiB; a request and
// what goes with it must fit.
const (
	DefaultInlineLimit = 1 << 20
	leastInline        = 4 << 10
	mostInline         = 16 << 20
)

// azureParams and s3Params are what a URL may say besides the name: what gocloud's
// drivers know.
var (
	azureParams = []string{"storage_account", "domain", "protocol", "cdn", "localemu"}
	s3Params    = []string{"region", "endpoint", "hostname_immutable", "profile", "role", "anonymous", "dualstack", "fips",
		"use_path_style", "request_checksum_calculation", "response_checksum_validation"}
)

// azureAccount is Microsoft Learn's rule, "Storage account overview"; azureDomain
// a host with or without a port.
var (
	azureAccount = regexp.MustCompile(`^[a-z0-9]{3,24}$`)
	azureDomain  = regexp.MustCompile(`^([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?$`)
)

// Check lists what is wrong with the config.
func (c Config) Check() []fault.Problem {
	var ps []fault.Problem
	add := func(path, message, hint string) {
		ps = append(ps, fault.Problem{Path: path, Message: message, Hint: hint})
	}
	if l := c.InlineLimit; l != 0 && (l < leastInline || l > mostInline) {
		add("inline_limit", fmt.Sprintf("%d bytes is not between %d and %d", l, leastInline, mostInline), fmt.Sprint(DefaultInlineLimit))
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		add("url", "not a URL", "azblob://CONTAINER, s3://BUCKET?region=REGION or file:///FOLDER")
		return ps
	}
	switch u.Scheme {
	case "azblob":
		c.checkNamed(u, "azblob://CONTAINER", azureParams, add)
		c.checkAccount(u, add)
		if c.KeyID != "" && c.Key == "" && c.SASToken == "" {
			add("key_id", "there is no key for it", "write the storage account's key into key, as ${env:NAME} or ${file:PATH}; for a managed identity name the account in the url, as ?storage_account=NAME")
		}
		if c.Key != "" && c.SASToken != "" {
			add("sas_token", "key stands beside it", "keep one of them")
		}
		if c.KeyID == "" && (c.Key != "" || c.SASToken != "") && u.Query().Get("storage_account") == "" {
			add("key_id", "the storage account is not named", "write its name")
		}
	case "s3":
		c.checkNamed(u, "s3://BUCKET?region=REGION", s3Params, add)
		if (c.KeyID == "") != (c.Key == "") {
			add("key", "an access key is its id and its secret, and one of them is missing", "write both key_id and key, or neither for the environment's")
		}
		if c.SASToken != "" {
			add("sas_token", "S3 has no such thing", "leave it out")
		}
	case "", "file":
		c.checkFolder(u, add)
	default:
		add("url", fmt.Sprintf("there is no payload store %q", u.Scheme+"://"), "azblob://CONTAINER, s3://BUCKET?region=REGION or file:///FOLDER")
	}
	return ps
}

func (c Config) checkNamed(u *url.URL, form string, params []string, add func(path, message, hint string)) {
	if u.Host == "" || strings.Trim(u.Path, "/") != "" {
		add("url", "it does not name one container or bucket, and nothing behind it", form)
	}
	if u.User != nil {
		add("url", "credentials do not belong into the URL", "write them into key_id and key, as ${env:NAME} or ${file:PATH}")
	}
	for name := range u.Query() {
		if !slices.Contains(params, name) {
			add("url", fmt.Sprintf("there is no parameter %q", name), "it may be one of: "+strings.Join(params, ", "))
		}
	}
}

// checkAccount looks at what the service's URL is made of.
func (c Config) checkAccount(u *url.URL, add func(path, message, hint string)) {
	const rule = "3 to 24 small letters and digits, as Azure names it"
	if c.KeyID != "" && !azureAccount.MatchString(c.KeyID) {
		add("key_id", "not the name of a storage account", rule)
	}
	if name := u.Query().Get("storage_account"); name != "" && !azureAccount.MatchString(name) {
		add("url", "storage_account is not the name of a storage account", rule)
	}
	if d := u.Query().Get("domain"); d != "" && !azureDomain.MatchString(d) {
		add("url", "domain is not the name of a host", "blob.core.windows.net")
	}
}

func (c Config) checkFolder(u *url.URL, add func(path, message, hint string)) {
	if c.URL != "" && (u.Scheme == "" || u.Host != "" || !filepath.IsAbs(filepath.FromSlash(u.Path)) || u.RawQuery != "") {
		add("url", "not the URL of a folder", "file:///FOLDER, an absolute path with three slashes")
	}
	if c.KeyID != "" || c.Key != "" || c.SASToken != "" {
		add("key", "a folder needs no credentials", "leave key_id, key and sas_token out, or name a store in url")
	}
}
