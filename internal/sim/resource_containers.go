package sim

import (
	"mime"
	"slices"
)

func containerMade(_ *call, o *object) error {
	o.doc["last_active_at"] = now()
	return nil
}

// createContainer makes a container with copies of files.
func createContainer(c *call, r *route) (*reply, error) {
	s := c.sim.store
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := c.newObject(c.kind(r.kind), "")
	if err != nil {
		return nil, err
	}
	s.put(o)
	for _, id := range idsAt(c.raw("file_ids"), "") {
		if file := s.get("file", "", id); file != nil {
			c.putContainerFile(o, file.doc.text("filename"), file.blob.copied())
		}
	}
	return c.show(o), nil
}

// putContainerFile stores a file of a container.
func (c *call) putContainerFile(container *object, name string, b *blob) *object {
	k := c.kind("container.file")
	o, _ := (&call{sim: c.sim, surface: c.surface}).newObject(k, container.id)
	o.doc["container_id"], o.doc["path"] = container.id, "/mnt/data/"+name
	o.blob = b
	o.doc["bytes"] = b.size
	c.sim.store.put(o)
	return o
}

// createContainerFile stores a file that comes in a form, or names one in JSON.
func createContainerFile(c *call, r *route) (*reply, error) {
	s := c.sim.store
	form := &storedForm{}
	if kind, _, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type")); kind == "application/json" {
		if err := c.readObject(); err != nil {
			return nil, err
		}
		if err := c.checkRefs("file_id=file"); err != nil {
			return nil, err
		}
		form.texts = map[string]string{"file_id": slices.Concat(idsAt(c.raw("file_id"), ""), []string{""})[0]}
	} else {
		var err error
		if form, err = c.storeForm("file", "file_id"); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	owner, err := c.owner(c.kind(r.kind))
	if err != nil {
		form.blob.release()
		return nil, err
	}
	if id := form.texts["file_id"]; id != "" {
		file := s.get("file", "", id)
		if file == nil {
			form.blob.release()
			return nil, c.badRef(c.kind("file"), "file_id", id)
		}
		form.filename, form.blob = file.doc.text("filename"), file.blob.copied()
	}
	if form.blob == nil {
		return nil, errMissing(c.surface, "file")
	}
	return c.show(c.putContainerFile(owner, form.filename, form.blob)), nil
}
