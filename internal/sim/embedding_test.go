package sim

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"testing"
)

const embeddingsPath = "/openai/deployments/text-embedding-3-small/embeddings?api-version=2024-10-21"

// vectors makes an embeddings call.
func vectors(t *testing.T, url, body string) [][]float32 {
	t.Helper()
	resp, got := post(t, url, body)
	var list struct {
		Data []struct{ Embedding json.RawMessage }
	}
	if err := json.Unmarshal([]byte(got), &list); err != nil || resp.StatusCode != 200 {
		t.Fatalf("%d %v %s", resp.StatusCode, err, got)
	}
	var out [][]float32
	for _, d := range list.Data {
		var v []float32
		if d.Embedding[0] == '"' {
			var packed []byte
			if err := json.Unmarshal(d.Embedding, &packed); err != nil {
				t.Fatal(err)
			}
			for ; len(packed) > 0; packed = packed[4:] {
				v = append(v, math.Float32frombits(binary.LittleEndian.Uint32(packed)))
			}
		} else if err := json.Unmarshal(d.Embedding, &v); err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

func dot(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

func TestEmbeddings(t *testing.T) {
	_, url := start(t, testOptions())
	v := vectors(t, url+embeddingsPath, `{"input":["the red fox runs over the old bridge","the red fox sleeps under the old bridge","seven bells on a quiet morning"]}`)
	for i := range v {
		if len(v[i]) != 1536 || math.Abs(dot(v[i], v[i])-1) > 1e-5 {
			t.Errorf("vector %d has %d numbers and length %v", i, len(v[i]), math.Sqrt(dot(v[i], v[i])))
		}
	}
	if near, far := dot(v[0], v[1]), dot(v[0], v[2]); near < far+0.3 {
		t.Errorf("texts that share words are at %v, others at %v", near, far)
	}
	packed := vectors(t, url+embeddingsPath, `{"encoding_format":"base64","input":"the red fox runs over the old bridge"}`)
	for i := range packed[0] {
		if packed[0][i] != v[0][i] {
			t.Fatal("base64 holds another vector than float")
		}
	}
	if v := vectors(t, url+embeddingsPath, `{"dimensions":256,"input":"fox"}`); len(v[0]) != 256 || math.Abs(dot(v[0], v[0])-1) > 1e-5 {
		t.Errorf("256 dimensions: %d", len(v[0]))
	}
	o := testOptions()
	o.Seed++
	_, other := start(t, o)
	if w := vectors(t, other+embeddingsPath, `{"input":"the red fox runs over the old bridge"}`); dot(v[0], w[0]) < 0.999 {
		t.Error("another simulator's vector of the same text differs")
	}
}

func TestEmbeddingInputs(t *testing.T) {
	s, url := start(t, testOptions())
	for body, want := range map[string]int64{
		`{"input":"one two three"}`: 3, `{"input":["one","two three"]}`: 3, `{"input":[1,2,3]}`: 3, `{"input":[[1],[ 2,3]]}`: 3,
	} {
		s.Reset()
		vectors(t, url+embeddingsPath, body)
		if c := s.Counts()[0]; c.PromptTokens != want || c.TotalTokens != want || c.CompletionTokens != 0 || c.Operation != "embeddings_create" {
			t.Errorf("%s: counted %+v", body, c)
		}
	}
	for _, body := range []string{
		`{}`, `{"input":""}`, `{"input":[]}`, `{"input":{}}`, `{"input":[["a"]]}`, `{"input":[null]}`, `{"input":"x","dimensions":0}`,
		`{"input":"x","dimensions":5000}`, `{"input":"x","encoding_format":"hex"}`, `{"input":"trigger the content filter"}`,
	} {
		if resp, got := post(t, url+embeddingsPath, body); resp.StatusCode != 400 {
			t.Errorf("%s: %d %s", body, resp.StatusCode, got)
		}
	}
	if resp, got := post(t, url+"/openai/deployments/ada/embeddings?api-version=2024-10-21", `{"input":"x","dimensions":8}`); resp.StatusCode != 400 {
		t.Errorf("ada with dimensions: %d %s", resp.StatusCode, got)
	}
}

func TestBase64IsStandard(t *testing.T) {
	got := string(appendVector(nil, []float32{1, -0.5}, "base64"))
	if want := `"` + base64.StdEncoding.EncodeToString([]byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0xbf}) + `"`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
