package admin

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"

	"github.com/latchkey-id/latchkey/internal/model"
	"github.com/latchkey-id/latchkey/internal/web"
)

// Nodes of a client's application: they are kept and shown; nothing is sent to
// them, as nothing is to an admin URL.

// nodesMember is where a client keeps its nodes: {"host": Unix seconds}.
const nodesMember = "registeredNodes"

func nodesOf(x *model.Client) map[string]int64 {
	nodes := map[string]int64{}
	_ = json.Unmarshal(x.Extra[nodesMember], &nodes) // what is no list of nodes holds none
	return nodes
}

// setNodes stores a copy of the client's extra members with these nodes.
func setNodes(x *model.Client, nodes map[string]int64) {
	x.Extra = maps.Clone(x.Extra)
	if x.Extra == nil {
		x.Extra = model.Extra{}
	}
	delete(x.Extra, nodesMember)
	if len(nodes) > 0 {
		x.Extra[nodesMember] = jsonOf(nodes)
	}
}

func (c *call) postNode() error {
	x, err := c.ownClient()
	if err != nil {
		return err
	}
	doc, err := c.body()
	if err != nil {
		return err
	}
	var in map[string]any
	if err := unmarshal(doc, &in); err != nil {
		return err
	}
	node, ok := in["node"].(string)
	switch {
	case !ok && in["node"] != nil:
		return errBadJSON
	case strings.TrimSpace(node) == "":
		return web.AdminError(http.StatusBadRequest, "Node not found in params")
	case strings.ContainsAny(node, "/?#\\ \t\r\n<>\"'") || len(node) > 255:
		return web.AdminError(http.StatusBadRequest, "Node is no host")
	}
	rec := c.record(deed{op: opCreate, on: onNode, path: "clients/" + x.ID + "/nodes/" + node})
	err = c.changeClient(x.ID, rec, func(x *model.Client) error {
		nodes := nodesOf(x)
		nodes[node] = c.now().Unix()
		setNodes(x, nodes)
		return nil
	})
	if err != nil {
		return err
	}
	return c.noContent()
}

func (c *call) deleteNode() error {
	x, err := c.ownClient()
	if err != nil {
		return err
	}
	node := c.r.PathValue("node")
	rec := c.record(deed{op: opDelete, on: onNode, path: "clients/" + x.ID + "/nodes/" + node})
	err = c.changeClient(x.ID, rec, func(x *model.Client) error {
		nodes := nodesOf(x)
		if _, ok := nodes[node]; !ok {
			return errNoNode
		}
		delete(nodes, node)
		setNodes(x, nodes)
		return nil
	})
	if err != nil {
		return err
	}
	return c.noContent()
}

// testNodes would ask every node whether it is there.
func (c *call) testNodes() error {
	x, err := c.ownClient()
	if err != nil {
		return err
	}
	if err := c.note(deed{op: opAction, on: onNode, path: "clients/" + x.ID + "/test-nodes-available", body: nothingNotified}); err != nil {
		return err
	}
	return c.answer(nothingNotified)
}
