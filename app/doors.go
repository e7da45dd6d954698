package app

import (
	"leadline/server"
	"leadline/signature"
)

// readSigners reads the secrets of the partners who sign.
func readSigners(c Config) (map[string]server.Signer, error) {
	signers := map[string]server.Signer{}
	for _, p := range c.Partners {
		if p.Value.SecretsFile.Value == "" {
			continue
		}
		v, err := readVerifier(signature.Scheme{Kind: signature.Standard}, p.Value.SecretsFile)
		if err != nil {
			return nil, err
		}
		signers[p.Name.Value] = server.Signer{Verifier: v, Required: p.Value.Sign.Value == "required"}
	}
	return signers, nil
}

// readHooks reads the secrets of third parties and compiles their maps.
func readHooks(c Config) (map[string]server.Hook, error) {
	hooks := map[string]server.Hook{}
	for _, h := range c.Hooks {
		v, err := readVerifier(h.Value.Verify.scheme(), h.Value.SecretFile)
		if err != nil {
			return nil, err
		}
		mapping, errs := h.Value.Map.Compile(h.Name.Value)
		if err := errs.Err(); err != nil {
			return nil, err
		}
		hooks[h.Name.Value] = server.Hook{Partner: h.Value.Partner.Value, Verifier: v, Mapping: mapping}
	}
	return hooks, nil
}
