// Package signature checks that a request's body is the one that its sender signed.
package signature
