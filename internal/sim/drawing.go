package sim

import (
	"bytes"
	"encoding/base64"
	"fmt"
	stdimage "image"
	"image/color"
	"image/jpeg"
	"image/png"
	"net/http"
	"strconv"
	"strings"
)

// imageScale is by how much pictures are smaller than asked.
const imageScale = 16

// drawing is a picture to be made: all that it is follows from these, so that a
// link needs no memory.
type drawing struct {
	seed   uint64
	w, h   int
	format string
}

// name is the drawing as the last element of a path.
func (d drawing) name() string { return fmt.Sprintf("%016x-%dx%d.%s", d.seed, d.w, d.h, d.format) }

// drawingOf reads a name.
func drawingOf(name string) (d drawing, ok bool) {
	stem, format, _ := strings.Cut(name, ".")
	seed, size, _ := strings.Cut(stem, "-")
	w, h, _ := strings.Cut(size, "x")
	var errs [3]error
	d.format = format
	d.seed, errs[0] = strconv.ParseUint(seed, 16, 64)
	d.w, errs[1] = strconv.Atoi(w)
	d.h, errs[2] = strconv.Atoi(h)
	return d, errs == [3]error{} && d.w > 0 && d.h > 0 && d.w <= 256 && d.h <= 256 && imageTypes[format] != ""
}

var imageTypes = map[string]string{"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}

// tinyWebP is one grey point: the standard library writes no WebP.
const tinyWebP = "UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA=="

// file is the picture: two colours that flow into each other.
func (d drawing) file() []byte {
	if d.format == "webp" {
		data, _ := base64.StdEncoding.DecodeString(tinyWebP) // a constant
		return data
	}
	from := color.RGBA{uint8(d.seed), uint8(d.seed >> 8), uint8(d.seed >> 16), 255}
	to := color.RGBA{uint8(d.seed >> 24), uint8(d.seed >> 32), uint8(d.seed >> 40), 255}
	m := stdimage.NewRGBA(stdimage.Rect(0, 0, d.w, d.h))
	mix := func(a, b uint8, share int) uint8 { return uint8((int(a)*(d.w+d.h-share) + int(b)*share) / (d.w + d.h)) }
	for y := range d.h {
		for x := range d.w {
			m.SetRGBA(x, y, color.RGBA{mix(from.R, to.R, x+y), mix(from.G, to.G, x+y), mix(from.B, to.B, x+y), 255})
		}
	}
	var out bytes.Buffer
	// Neither fails on a picture of this kind and a buffer.
	if d.format == "jpeg" {
		_ = jpeg.Encode(&out, m, nil)
	} else {
		_ = png.Encode(&out, m)
	}
	return out.Bytes()
}

// serveImage shows what a link names.
func serveImage(w http.ResponseWriter, r *http.Request) {
	d, ok := drawingOf(r.PathValue("name"))
	if !ok {
		http.Error(w, "there is no such picture", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", imageTypes[d.format])
	// What fails here is the connection.
	_, _ = w.Write(d.file())
}
