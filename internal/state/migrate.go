package state

import (
	"database/sql"
	"errors"
	"fmt"
)

// applicationID marks the file as Weir's ("Weir" in ASCII; PRAGMA application_id).
const applicationID = 0x57656972

// migrations make the schema: number n takes the file from user_version n to
// n+1. What was released is never changed, only added to.
var migrations = []string{
	`CREATE TABLE owners (
		key     TEXT    NOT NULL PRIMARY KEY,
		backend TEXT    NOT NULL,
		seen    INTEGER NOT NULL
	) STRICT, WITHOUT ROWID`,
}

// judge says whether the file is a sound database of ours, or an empty one.
// Nothing is written before it is known.
func judge(db *sql.DB) error {
	var id, version, tables int
	var check string
	for _, q := range []struct {
		text string
		to   *int
	}{
		{"PRAGMA application_id", &id}, {"PRAGMA user_version", &version}, {"SELECT count(*) FROM sqlite_schema", &tables},
	} {
		if err := db.QueryRow(q.text).Scan(q.to); err != nil {
			return err
		}
	}
	if id != applicationID && (id != 0 || tables > 0) {
		return &damage{errors.New("the file is another program's database")}
	}
	if version > len(migrations) {
		return fmt.Errorf("a newer Weir wrote this file (schema %d, known here: %d): use that, or move the file away", version, len(migrations))
	}
	if err := db.QueryRow("PRAGMA quick_check(1)").Scan(&check); err != nil {
		return err
	}
	if check != "ok" {
		return &damage{errors.New(check)}
	}
	return nil
}

// migrate brings the schema up to date, each step whole or not at all.
func migrate(db *sql.DB) error {
	var version int
	if err := db.QueryRow("PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if _, err := db.Exec("PRAGMA journal_mode = WAL"); err != nil {
		return fmt.Errorf("set write-ahead mode: %w", err)
	}
	for v := version; v < len(migrations); v++ {
		// Pragmas take no parameters, and these two are part of the transaction.
		text := fmt.Sprintf("BEGIN IMMEDIATE; %s; PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
			migrations[v], applicationID, v+1)
		if _, err := db.Exec(text); err != nil {
			_, rollback := db.Exec("ROLLBACK")
			return fmt.Errorf("migrate to schema %d: %w", v+1, errors.Join(err, rollback))
		}
	}
	return nil
}
