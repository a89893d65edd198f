// The store: one account, three containers, and who may do what in each of them.

param name string
param location string
param sku string
param publicContainer string
param privateContainer string
param historyContainer string
param historyRetentionDays int

@description('Whether the policy of the history has been locked, so that it is left as it is.')
param historyLocked bool

@description('Whether the public container is open to whoever knows a name.')
param anonymousPublicContainer bool

param workerPrincipalId string
param edgePrincipalId string

@description('Whether Front Door reads with an identity.')
param frontDoorSignsIn bool

param frontDoorPrincipalId string

param tags object

// https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/storage
var contributor = subscriptionResourceId(
  'Microsoft.Authorization/roleDefinitions',
  'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
) // Storage Blob Data Contributor
var reader = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1') // Storage Blob Data Reader

resource account 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: sku }
  properties: {
    accessTier: 'Hot'
    // Identities only: a key or a signature would be a secret, and nobody could tell who used it.
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    allowBlobPublicAccess: anonymousPublicContainer
    allowCrossTenantReplication: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    encryption: {
      requireInfrastructureEncryption: true
      keySource: 'Microsoft.Storage'
      services: { blob: { enabled: true, keyType: 'Account' } }
    }
    // Front Door reaches the account by its public address. Who has no role gets nothing there.
    publicNetworkAccess: 'Enabled'
    networkAcls: { defaultAction: 'Allow', bypass: 'None' }
  }

  resource blobs 'blobServices' = {
    name: 'default'
    properties: {
      // Neither versions nor deleted blobs are kept: the history has every version, and what an organization's purge deletes must be gone.
      isVersioningEnabled: false
      deleteRetentionPolicy: { enabled: false }
      // A container that somebody deleted can be brought back for a week.
      containerDeleteRetentionPolicy: { enabled: true, days: 7 }
    }

    resource public 'containers' = {
      name: publicContainer
      properties: { publicAccess: anonymousPublicContainer ? 'Blob' : 'None' }
    }

    resource private 'containers' = {
      name: privateContainer
      properties: { publicAccess: 'None' }
    }

    resource history 'containers' = {
      name: historyContainer
      properties: { publicAccess: 'None' }

      // The worker creates a blob for each version and never changes one, so nothing of its work is refused.
      // Once it is locked, Azure may refuse to be told of it again.
      resource policy 'immutabilityPolicies' = if (!historyLocked) {
        name: 'default'
        properties: {
          immutabilityPeriodSinceCreationInDays: historyRetentionDays
          allowProtectedAppendWrites: false
        }
      }
    }
  }
}

// The names of the assignments are made of their purposes, so that a preview (what-if) can show them before the identities exist.

// The worker writes in all three.
resource workerWritesPublic 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account::blobs::public
  name: guid(account::blobs::public.id, 'worker', contributor)
  properties: {
    principalId: workerPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: contributor
    description: 'The worker writes lists and snapshots.'
  }
}

resource workerWritesPrivate 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account::blobs::private
  name: guid(account::blobs::private.id, 'worker', contributor)
  properties: {
    principalId: workerPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: contributor
    description: 'The worker writes manifests and the change log.'
  }
}

resource workerWritesHistory 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account::blobs::history
  name: guid(account::blobs::history.id, 'worker', contributor)
  properties: {
    principalId: workerPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: contributor
    description: 'The worker adds versions. The immutability policy keeps it from changing them.'
  }
}

// The edge reads what is current, and nothing of the history.
resource edgeReadsPublic 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account::blobs::public
  name: guid(account::blobs::public.id, 'edge', reader)
  properties: {
    principalId: edgePrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: reader
    description: 'The edge reads the loader.'
  }
}

resource edgeReadsPrivate 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account::blobs::private
  name: guid(account::blobs::private.id, 'edge', reader)
  properties: {
    principalId: edgePrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: reader
    description: 'The edge reads manifests and the change log.'
  }
}

resource frontDoorReadsPublic 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (frontDoorSignsIn) {
  scope: account::blobs::public
  name: guid(account::blobs::public.id, 'frontDoor', reader)
  properties: {
    principalId: frontDoorPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: reader
    description: 'Front Door reads what pages load.'
  }
}

output serviceUri string = 'https://${account.name}.blob.${environment().suffixes.storage}'
output blobHostName string = '${account.name}.blob.${environment().suffixes.storage}'
