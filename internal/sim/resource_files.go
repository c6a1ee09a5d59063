package sim

import (
	"crypto/md5"
	"encoding/hex"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
)

// purposes are what a caller may upload a file for.
var purposes = []string{"fine-tune", "assistants", "batch", "vision", "user_data", "evals"}

// uploadFile stores a file.
func uploadFile(c *call, r *route) (*reply, error) {
	f, err := c.storeForm("file", "purpose", "expires_after[anchor]", "expires_after[seconds]")
	if err != nil {
		return nil, err
	}
	purpose := f.texts["purpose"]
	switch {
	case f.blob == nil:
		err = errMissing(c.surface, "file")
	case purpose == "":
		err = errMissing(c.surface, "purpose")
	case !slices.Contains(purposes, purpose):
		err = errInvalid("purpose", "invalid_value", "Invalid value for 'purpose'. Supported values are: '%s'.", strings.Join(purposes, "', '"))
	}
	if err != nil {
		f.blob.release()
		return nil, err
	}
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	o := c.newFile(f.filename, purpose, f.blob)
	if n, err := strconv.ParseInt(f.texts["expires_after[seconds]"], 10, 64); err == nil {
		o.doc["expires_at"] = now() + n
	}
	if c.surface == classic {
		o.doc["status"] = "pending"
	}
	return c.showCreated(r, o), nil
}

// newFile stores a file with that content.
func (c *call) newFile(name, purpose string, b *blob) *object {
	k := c.kind("file")
	// A file has no required arguments and nothing that could be refused.
	o, _ := (&call{sim: c.sim, surface: c.surface}).newObject(k, "")
	switch {
	case c.surface == native:
	case strings.HasPrefix(purpose, "assistants"):
		o.id = "assistant-" + strings.TrimPrefix(o.id, k.prefix)
	default:
		o.id = k.prefix + strings.ToLower(randomID("", 32))
	}
	o.doc["id"], o.doc["filename"], o.doc["purpose"], o.doc["bytes"] = o.id, name, purpose, b.size
	o.blob = b
	c.sim.store.put(o)
	return o
}

// importFile makes a file of what stands at an address. The simulator does not go
// there: the content is a line of its own.
func importFile(c *call, r *route) (*reply, error) {
	if err := c.require("purpose filename content_url"); err != nil {
		return nil, err
	}
	var name, purpose string
	if _, err := c.get("filename", &name); err != nil {
		return nil, err
	}
	if _, err := c.get("purpose", &purpose); err != nil {
		return nil, err
	}
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	line := `{"messages":[{"role":"user","content":"Where does this file come from?"},{"role":"assistant","content":"From the simulator ` + c.sim.opts.Name + `, which imports nothing."}]}` + "\n"
	o := c.newFile(name, purpose, s.newBlob([]byte(line)))
	o.doc["status"] = "pending"
	return c.showCreated(r, o), nil
}

// content answers with the bytes of a file.
func content(c *call, r *route) (*reply, error) {
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := c.find(c.kind(r.kind))
	switch {
	case err != nil:
		return nil, err
	case o.blob == nil || !o.blob.kept:
		return nil, errNotKept()
	}
	name := strings.Map(func(r rune) rune {
		if r < ' ' || r == '"' || r == '\\' || r > '~' {
			return '_'
		}
		return r
	}, path.Base(either(o.doc.text("filename"), o.doc.text("path"))))
	return &reply{plain: o.blob.body(), contentType: "application/octet-stream",
		header: [][2]string{{"Content-Disposition", `attachment; filename="` + name + `"`}}}, nil
}

func errNotKept() *apiError {
	return &apiError{status: http.StatusNotFound, kind: invalidRequest, code: "content_not_kept",
		message: "The simulator keeps no content of this file: it is beyond the memory that is allowed for files. Its length and SHA-256 are at /sim/files."}
}

// uploadLife is for how long parts can be added.
const uploadLife = 7200

func uploadMade(c *call, o *object) error {
	o.doc["expires_at"] = now() + uploadLife
	_, err := c.count("bytes", 0, maxUpload, 0)
	return err
}

// maxUpload is Azure's: 9 GB.
const maxUpload = 9_000_000_000

// addPart stores a part of an upload.
func addPart(c *call, r *route) (*reply, error) {
	f, err := c.storeForm("data")
	if err != nil {
		return nil, err
	}
	if f.blob == nil {
		return nil, errMissing(c.surface, "data")
	}
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	k := c.kind(r.kind)
	owner, err := c.owner(k)
	if err == nil && owner.status() != "pending" {
		err = errStatus(c.surface, owner, "add a part to")
	}
	if err != nil {
		f.blob.release()
		return nil, err
	}
	o, err := c.newObject(k, owner.id)
	if err != nil {
		return nil, err
	}
	o.doc["upload_id"], o.blob = owner.id, f.blob
	s.put(o)
	return c.show(o), nil
}

// completeUpload makes a file of the parts, in the order in which they are named.
func completeUpload(c *call, r *route) (*reply, error) {
	var ids []string
	var sum string
	if found, err := c.get("part_ids", &ids); err != nil {
		return nil, err
	} else if !found {
		return nil, errMissing(c.surface, "part_ids")
	}
	if _, err := c.get("md5", &sum); err != nil {
		return nil, err
	}
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := c.find(c.kind(r.kind))
	if err != nil {
		return nil, err
	}
	if o.status() != "pending" {
		return nil, errStatus(c.surface, o, "complete")
	}
	parts, err := c.partsOf(o, ids)
	if err != nil {
		return nil, err
	}
	if err := checkSum(parts, sum); err != nil {
		return nil, err
	}
	file := c.newFile(o.doc.text("filename"), o.doc.text("purpose"), joined(parts))
	for _, p := range slices.Clone(s.list("upload.part", o.id)) {
		s.drop("upload.part", o.id, p.id)
	}
	o.enter("completed")
	o.doc["file"] = file.doc
	return c.show(o), nil
}

// partsOf is the parts of an upload by their ids; together they must be as long
// as was said at the start.
func (c *call) partsOf(o *object, ids []string) ([]*blob, error) {
	var parts []*blob
	var size int64
	for i, id := range ids {
		p := c.sim.store.get("upload.part", o.id, id)
		if p == nil {
			return nil, c.badRef(c.kind("upload.part"), "part_ids", id)
		}
		if slices.Index(ids, id) != i {
			return nil, errInvalid("part_ids", "invalid_value", "Invalid 'part_ids': a part is there twice.")
		}
		parts = append(parts, p.blob)
		size += p.blob.size
	}
	if said, err := strconv.ParseInt(string(o.doc.raw("bytes")), 10, 64); err != nil || said != size {
		return nil, errInvalid("bytes", "invalid_value", "The parts have %d bytes together, but the upload was started for %s.", size, o.doc.raw("bytes"))
	}
	return parts, nil
}

// checkSum compares the MD5 of what was kept with the one that the caller gives.
func checkSum(parts []*blob, want string) error {
	if want == "" {
		return nil
	}
	sum := md5.New()
	for _, p := range parts {
		if !p.kept {
			return nil
		}
		for _, c := range p.chunks {
			sum.Write(c)
		}
	}
	if !strings.EqualFold(hex.EncodeToString(sum.Sum(nil)), want) {
		return errInvalid("md5", "invalid_value", "The parts' MD5 is not the one that was given.")
	}
	return nil
}
