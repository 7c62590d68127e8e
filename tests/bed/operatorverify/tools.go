//go:build tools

// Package tools names the program that is built, so that `go mod tidy` keeps what it needs.
package tools

import _ "github.com/operator-framework/api/cmd/operator-verify"
