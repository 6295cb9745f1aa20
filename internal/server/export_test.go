package server

import "context"

// HoldSweeper is holdSweeper, for tests.
func HoldSweeper(ctx context.Context, s *Server) (bool, error) { return s.holdSweeper(ctx) }
