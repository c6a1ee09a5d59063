package sim

import (
	"bytes"
	"encoding/json"
	"strings"
)

// storeMade puts the files that a new vector store is to have into it.
func storeMade(c *call, o *object) error {
	o.doc["last_active_at"] = now()
	for _, id := range idsAt(c.raw("file_ids"), "") {
		c.putStoreFile(o.id, id, nil, nil)
	}
	return nil
}

// putStoreFile puts a file into a vector store; batch is the file batch that it
// came with, nil for none.
func (c *call) putStoreFile(store, id string, attributes []byte, batch *object) {
	in := &call{sim: c.sim, surface: c.surface, args: []field{{"file_id", appendString(nil, id)}}}
	if attributes != nil {
		in.args = append(in.args, field{"attributes", attributes})
	}
	// Nothing of these arguments can be refused.
	o, _ := in.newObject(c.kind("vector_store.file"), store)
	o.more = batch
	c.sim.store.put(o)
}

// storeFileMade gives a file in a vector store the id of the file.
func storeFileMade(c *call, o *object) error {
	var id string
	if _, err := c.get("file_id", &id); err != nil {
		return err
	}
	o.id = id
	o.doc["id"], o.doc["vector_store_id"] = id, o.parent
	if file := c.sim.store.get("file", "", id); file != nil {
		o.doc["usage_bytes"] = file.blob.size
	}
	return nil
}

// storeRefresh counts a vector store's files. Those in progress are done the next
// time that somebody looks.
func storeRefresh(s *store, o *object) {
	files := s.list("vector_store.file", o.id)
	o.doc["file_counts"], o.doc["status"] = countFiles(files), "completed"
	var size int64
	for _, f := range files {
		if n, ok := f.doc["usage_bytes"].(int64); ok {
			size += n
		}
		if f.status() == "in_progress" {
			o.doc["status"] = "in_progress"
			f.doc["status"] = "completed"
		}
	}
	o.doc["usage_bytes"] = size
}

func countFiles(files []*object) document {
	counts := map[string]int{}
	for _, f := range files {
		counts[f.status()]++
	}
	return document{"in_progress": counts["in_progress"], "completed": counts["completed"], "failed": counts["failed"],
		"cancelled": counts["cancelled"], "total": len(files)}
}

// fileBatchMade puts the files of a batch into its vector store.
func fileBatchMade(c *call, o *object) error {
	o.doc["vector_store_id"] = o.parent
	attributes := c.raw("attributes")
	ids := idsAt(c.raw("file_ids"), "")
	for _, id := range ids {
		c.putStoreFile(o.parent, id, attributes, o)
	}
	list, _ := elements(append([]byte{}, either(string(c.raw("files")), "[]")...))
	for _, raw := range list {
		one := attributes
		for _, f := range membersOf(raw) {
			if f.name == "attributes" {
				one = f.raw
			}
		}
		for _, id := range idsAt(raw, "file_id") {
			ids = append(ids, id)
			c.putStoreFile(o.parent, id, one, o)
		}
	}
	if len(ids) == 0 {
		return errMissing(c.surface, "file_ids")
	}
	return nil
}

// batchFiles is the files that came with a file batch.
func (s *store) batchFiles(o *object) []*object {
	var out []*object
	for _, f := range s.list("vector_store.file", o.parent) {
		if f.more == o {
			out = append(out, f)
		}
	}
	return out
}

// fileBatchEntered ends its files with a batch.
func fileBatchEntered(c *call, o *object) error {
	for _, f := range c.sim.store.batchFiles(o) {
		if f.status() == "in_progress" {
			f.doc["status"] = o.status()
		}
	}
	return nil
}

func fileBatchRefresh(s *store, o *object) { o.doc["file_counts"] = countFiles(s.batchFiles(o)) }

// listBatchFiles lists the files of a file batch.
func listBatchFiles(c *call, r *route) (*reply, error) {
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := c.find(c.kind(r.kind))
	if err != nil {
		return nil, err
	}
	return c.listReply(c.kind("vector_store.file"), s.batchFiles(o))
}

// What a file is cut into for search.
const (
	passageBytes = 1600
	maxPassages  = 256
)

// passages is the text of a file in pieces that end at spaces.
func passages(b *blob) []string {
	if b == nil || !b.kept {
		return nil
	}
	text := strings.ToValidUTF8(string(bytes.Join(b.chunks[:min(len(b.chunks), maxPassages*passageBytes/512)], nil)), " ")
	var out []string
	for len(text) > 0 && len(out) < maxPassages {
		n := min(len(text), passageBytes)
		if n < len(text) {
			if i := strings.LastIndexAny(text[:n], " \n"); i > 0 {
				n = i + 1
			}
		}
		out = append(out, text[:n])
		text = text[n:]
	}
	return out
}

// storeFileContent shows the text of a file in a vector store.
func storeFileContent(c *call, r *route) (*reply, error) {
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := c.find(c.kind(r.kind))
	if err != nil {
		return nil, err
	}
	file := s.get("file", "", o.id)
	if file == nil || !file.blob.kept {
		return nil, errNotKept()
	}
	data := []any{}
	for _, p := range passages(file.blob) {
		data = append(data, document{"type": "text", "text": p})
	}
	return jsonReply(document{"object": "vector_store.file_content.page", "file_id": o.id, "filename": file.doc.text("filename"),
		"attributes": json.RawMessage(either(string(o.doc.raw("attributes")), "{}")), "data": data, "has_more": false, "next_page": nil}), nil
}
